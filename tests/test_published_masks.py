"""Annotations that are image files, as published data sets have them: classes and their order, objects, refusals."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import jpeg_bytes, labelme, noise, png_bytes, shape, write_zip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from test_formats import json_values
from test_ordinary_annotations import Converted, refusal

from darkroom.annotations.draw import MaskJob, draw_masks
from darkroom.annotations.formats.cityscapes import EVALUATED
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.source import read_source
from darkroom.annotations.writers._base import load_writer
from darkroom.archives.index import open_archives
from darkroom.common.errors import UserError

HEIGHT, WIDTH = 20, 30
Files = dict[str, bytes | str]


def photo(kind: str = "JPEG", seed: int = 0) -> bytes:
    return jpeg_bytes(noise(HEIGHT, WIDTH, seed)) if kind == "JPEG" else png_bytes(noise(HEIGHT, WIDTH, seed))


def values(background: int = 0, dtype: type = np.uint8, **areas: tuple[int, int, int, int]) -> np.ndarray:
    """Pixel values with boxes (left, top, right, bottom), each given as v<value>=box."""
    drawn = np.full((HEIGHT, WIDTH), background, dtype)
    for name, (left, top, right, bottom) in areas.items():
        drawn[top:bottom, left:right] = int(name.removeprefix("v"))
    return drawn


LEFT, RIGHT = (0, 0, 10, 10), (20, 0, 30, 10)  # 100 pixels each


def objects_of(files: Files, **parameters) -> dict[str, np.ndarray]:
    """The object ids of each image."""
    write_zip(Path("raw/own.zip"), files)
    checked = AnnotationParameters(**parameters)
    with open_archives(Path("raw")) as members:
        source = read_source(checked, members, "annotations", "own.zip")
        writer = load_writer("png")(Path("out"), source.classes.names, with_objects=True)
        images = writer.image_folder(None)
        images.mkdir(parents=True, exist_ok=True)
        draw_masks(source, [MaskJob(pair, None, images, writer) for pair in source.pairs], checked)
    return {pair.name: np.asarray(Image.open(f"out/objects/{pair.key}.png")) for pair in source.pairs}


def sizes(objects: np.ndarray) -> list[int]:
    return np.bincount(objects.ravel()).tolist()[1:]


# Cityscapes

CITY = "aachen/aachen_000000_000019"


def polygons(objects: list, width: int = WIDTH, height: int = HEIGHT) -> str:
    return json.dumps({"imgHeight": height, "imgWidth": width, "objects": objects})


def city_object(label: str, left: int, top: int, right: int, bottom: int, **more) -> dict:
    return {"label": label, "polygon": [[left, top], [right, top], [right, bottom], [left, bottom]], **more}


def cityscapes(labels: dict[str, bytes | str], split: str = "train", fineness: str = "gtFine") -> Files:
    files: Files = {f"leftImg8bit/{split}/{CITY}_leftImg8bit.png": photo("PNG")}
    return files | {f"{fineness}/{split}/{CITY}_{fineness}_{kind}": content for kind, content in labels.items()}


CITY_OBJECTS = [
    city_object("road", 0, 0, 29, 19),
    city_object("static", 0, 0, 9, 1),
    city_object("cargroup", 0, 10, 9, 19),
    city_object("car", 10, 10, 19, 19),
    city_object("car", 20, 10, 29, 19),
    city_object("license plate", 22, 12, 24, 14),
    city_object("person", 0, 5, 9, 8, deleted=1),
    city_object("parking", 20, 0, 29, 4),
]


def test_cityscapes_polygons_have_the_evaluated_classes(folder: Path) -> None:
    converted = Converted(cityscapes({"polygons.json": polygons(CITY_OBJECTS)}))
    assert converted.source.format == "cityscapes"
    assert converted.source.classes.names == list(EVALUATED) and converted.source.pairs[0].split == "train"
    [mask] = converted.masks.values()
    assert mask[9, 15] == 0, "road has id 0"
    assert (mask == EVALUATED.index("car")).sum() == 300 and mask[13, 23] == 13, "license plates are not drawn"
    assert (mask == 255).sum() == 20 + 50, "static and parking are not evaluated"
    [objects] = objects_of(cityscapes({"polygons.json": polygons(CITY_OBJECTS)})).values()
    assert sizes(objects) == [100, 100], "a group is no object, and neither is the road"


def test_cityscapes_pixels_without_a_polygon_are_ignored(folder: Path) -> None:
    [mask] = Converted(cityscapes({"polygons.json": polygons([city_object("sky", 0, 0, 9, 9)])})).masks.values()
    assert (mask == 255).sum() == 500 and (mask == 10).sum() == 100


@pytest.mark.parametrize("kind", ["labelIds.png", "instanceIds.png", "labelTrainIds.png"])
def test_cityscapes_label_images_are_read(folder: Path, kind: str) -> None:
    image = {
        "labelIds.png": values(7, v26=LEFT, v4=RIGHT),
        "instanceIds.png": values(7, np.uint16, v26001=LEFT, v4=RIGHT),
        "labelTrainIds.png": values(0, v13=LEFT, v255=RIGHT),
    }[kind]
    [mask] = Converted(cityscapes({kind: png_bytes(image)})).masks.values()
    assert [int((mask == value).sum()) for value in (0, 13, 255)] == [400, 100, 100]


def test_cityscapes_label_ids_count_before_polygons_and_fine_before_coarse(folder: Path) -> None:
    files = cityscapes({"labelIds.png": png_bytes(values(23)), "polygons.json": polygons(CITY_OBJECTS)})
    files |= cityscapes({"labelIds.png": png_bytes(values(7))}, fineness="gtCoarse")
    [mask] = Converted(files).masks.values()
    assert (mask == 10).all()
    assert "has no instanceIds.png beside it" in refusal_of_objects(files)


def refusal_of_objects(files: Files) -> str:
    with pytest.raises(UserError) as refused:
        objects_of(files)
    return str(refused.value)


def test_cityscapes_objects_come_from_the_instance_ids(folder: Path) -> None:
    labels, instances = values(7, v26=LEFT, v24=RIGHT), values(7, np.uint16, v26000=LEFT, v24003=RIGHT)
    instances[0, 0] = 26  # of a group
    files = cityscapes({"labelIds.png": png_bytes(labels), "instanceIds.png": png_bytes(instances)})
    [objects] = objects_of(files).values()
    assert sizes(objects) == [100, 99]


def test_cityscapes_classes_are_chosen(folder: Path) -> None:
    files = cityscapes({"polygons.json": polygons(CITY_OBJECTS)})
    converted = Converted(files, classes=["parking", "car"])
    assert converted.pixels == {"parking": 50, "car": 300}
    [mask] = converted.masks.values()
    assert mask[9, 15] == 0 and mask[0, 0] == 255, "road is background, static is ignored"
    assert "the annotations have no class 'cra'; did you mean car" in refusal(files, classes=["cra"])
    assert Converted(files, ignore=["road"]).source.classes.names[0] == "sidewalk"


def test_cityscapes_train_extra_and_foggy_images_are_read(folder: Path) -> None:
    files = cityscapes({"labelIds.png": png_bytes(values(7))}, "train_extra", "gtCoarse")
    files |= {f"leftImg8bit/train_extra/{CITY}_leftImg8bit_foggy_beta_0.02.png": photo("PNG", 1)}
    converted = Converted(files)
    assert len(converted.masks) == 2 and {pair.split for pair in converted.source.pairs} == {"train"}


def test_cityscapes_layout_of_cvat_has_its_own_classes(folder: Path) -> None:
    files: Files = {
        "imgsFine/leftImg8bit/default/a_leftImg8bit.png": photo("PNG"),
        "gtFine/default/a_gtFine_labelIds.png": png_bytes(values(0, v1=LEFT, v2=RIGHT)),
        "gtFine/default/a_gtFine_instanceIds.png": png_bytes(values(0, np.uint16, v1=LEFT, v2=RIGHT)),
        "gtFine/default/a_gtFine_color.png": png_bytes(noise(HEIGHT, WIDTH)),
        "label_colors.txt": "0 0 0 background\n128 0 0 big cat\n0 128 0 dog\n",
    }
    assert Converted(files).pixels == {"big cat": 100, "dog": 100}
    assert "tells no objects apart, as CVAT writes it" in refusal_of_objects(files)
    files["label_colors.txt"] = "0 0 0 background\n128 0 0 cat\n0 128 0 cat\n"
    assert "has the class 'cat' twice" in refusal(files)


BAD_CITIES = {
    "no image": ({"gtFine/train/a_gtFine_labelIds.png": png_bytes(values())}, "its image …_leftImg8bit is not in"),
    "another size": (cityscapes({"labelIds.png": png_bytes(values().T.copy())}), "has 20×30 pixels, but its image has"),
    "unknown value": (cityscapes({"labelIds.png": png_bytes(values(99))}), "value 99 at (0, 0) is of an unknown class"),
    "unknown label": (cityscapes({"polygons.json": polygons([city_object("cat", 0, 0, 5, 5)])}), "unknown class 'cat'"),
    "two points": (
        cityscapes({"polygons.json": polygons([{"label": "car", "polygon": [[1, 1], [2, 2]]}])}),
        "objects[0], a car, has 2 points and needs 3",
    ),
    "no polygon": (cityscapes({"polygons.json": polygons([{"label": "car"}])}), "has no polygon of points"),
    "no size": (cityscapes({"polygons.json": polygons([], "wide")}), "its size is 'wide'×20"),
    "stated size": (cityscapes({"polygons.json": polygons([], 99)}), "was drawn on 99×20 pixels"),
    "not JSON": (cityscapes({"polygons.json": "{"}), "is not Cityscapes'"),
}


@pytest.mark.parametrize("case", BAD_CITIES)
def test_bad_cityscapes_are_refused(folder: Path, case: str) -> None:
    files, message = BAD_CITIES[case]
    assert message in refusal(files, format="cityscapes")


# ADE20K

INFO = (
    "Idx\tRatio\tTrain\tVal\tName\n1\t0.15\t11664\t1172\twall\n2\t0.1\t6046\t612\tbuilding, edifice\n3\t0\t1\t1\tsky\n"
)


def scene_parsing(mask: np.ndarray) -> Files:
    files: Files = {"ADEChallengeData2016/objectInfo150.txt": INFO}
    for split in ("training", "validation"):
        files[f"ADEChallengeData2016/images/{split}/ADE_{split}_1.jpg"] = photo()
        files[f"ADEChallengeData2016/annotations/{split}/ADE_{split}_1.png"] = png_bytes(mask)
    return files


def test_scene_parsing_ignores_other_objects(folder: Path) -> None:
    converted = Converted(scene_parsing(values(0, v1=LEFT, v3=RIGHT)))
    assert converted.source.format == "ade20k"
    assert converted.source.classes.names == ["wall", "building, edifice", "sky"]
    mask = converted.masks["ADE_training_1"]
    assert [int((mask == value).sum()) for value in (0, 2, 255)] == [100, 100, 400]
    assert {pair.split for pair in converted.source.pairs} == {"train", "validation"}
    assert Converted(scene_parsing(values(2, v1=LEFT)), classes=["wall"]).pixels == {"wall": 200}
    assert "value 9 at (0, 0) is of an unknown class" in refusal(scene_parsing(values(9)))
    assert "the masks of scene parsing have no objects" in refusal_of_objects(scene_parsing(values(1)))


def segments(areas: dict[tuple[int, int], tuple[int, int, int, int]]) -> bytes:
    """A file of segments with boxes by the number of the class and the value of the object."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for (number, value), (left, top, right, bottom) in areas.items():
        pixels[top:bottom, left:right] = number // 256 * 10, number % 256, value
    return png_bytes(pixels)


def ade(segment_file: bytes, names: dict[str, str]) -> Files:
    files: Files = {"ADE/training/a/x.jpg": photo(), "ADE/training/a/x_seg.png": segment_file}
    return files | {f"ADE/training/a/{name}": content for name, content in names.items()}


def ade_json(*entries: dict) -> str:
    return json.dumps({"annotation": {"filename": "x.jpg", "object": list(entries)}})


AREAS = {(2978, 40): LEFT, (312, 80): RIGHT, (312, 120): (0, 10, 10, 20)}
IN_2021 = {
    "x.json": ade_json(
        {"id": 0, "name": "wall", "name_ndx": 2978, "parts": {"part_level": 0}},
        {"id": 1, "name": "building, edifice", "name_ndx": 312, "parts": {"part_level": 0}},
        {"id": 3, "name": "door", "name_ndx": 774, "parts": {"part_level": 1}},
    )
}
IN_2016 = {
    "x_atr.txt": '001 # 0 # 0 # wall # wall # ""\n002 # 0 # 0 # building, edifice # house # "old"\n'
    '003 # 0 # 1 # building, edifice # building # ""\n001 # 1 # 0 # door # door # ""\n'
}


@pytest.mark.parametrize("names", [IN_2021, IN_2016])
def test_the_full_ade20k_is_read(folder: Path, names: dict[str, str]) -> None:
    files = ade(segments(AREAS), names)
    converted = Converted(files)
    [mask] = converted.masks.values()
    wall, building = (converted.source.classes.names.index(name) for name in ("wall", "building, edifice"))
    assert converted.source.format == "ade20k"
    assert [int((mask == value).sum()) for value in (wall, building, 255)] == [100, 200, 300]
    assert sizes(objects_of(files)["x"]) == [100, 100, 100]
    assert Converted(files, classes=["wall"]).pixels == {"wall": 100}


def test_bad_ade20k_is_refused(folder: Path) -> None:
    assert "class 700 has no name in" in refusal(ade(segments({(700, 1): LEFT}), IN_2021))
    assert "object 4 of class 5 is None" in refusal(ade(segments({**AREAS, (5, 200): (10, 0, 20, 10)}), IN_2016))
    assert "is L, not RGB" in refusal(ade(png_bytes(values()), IN_2021))
    assert "without name and name_ndx" in refusal(ade(segments(AREAS), {"x.json": ade_json({"id": 1})}))
    assert "is no line of ADE20K's objects" in refusal(ade(segments(AREAS), {"x_atr.txt": "1 # 2"}))


# COCO panoptic


def panoptic(segments_info: list, image: np.ndarray | None = None, **changes) -> Files:
    """One image whose segments 300 and 70000 are the boxes LEFT and RIGHT."""
    if image is None:
        numbers = values(0, np.uint32, v300=LEFT, v70000=RIGHT)
        image = np.stack([numbers & 255, numbers >> 8 & 255, numbers >> 16], 2).astype(np.uint8)
    content = {
        "images": [{"id": 7, "file_name": "x.jpg", "width": WIDTH, "height": HEIGHT}],
        "annotations": [{"image_id": 7, "file_name": "x.png", "segments_info": segments_info}],
        "categories": [
            {"id": 200, "name": "zebra", "isthing": 1},
            {"id": 1, "name": "grass", "isthing": 0},
        ],
    } | changes
    return {
        "val2017/x.jpg": photo(),
        "annotations/panoptic_val2017.json": json.dumps(content),
        "annotations/panoptic_val2017/x.png": png_bytes(image),
    }


def info(number: object, category: object, iscrowd: int = 0) -> dict:
    return {"id": number, "category_id": category, "iscrowd": iscrowd, "area": 100, "bbox": [0, 0, 10, 10]}


def test_panoptic_segments_are_read(folder: Path) -> None:
    files = panoptic([info(300, 200), info(70000, 1)])
    converted = Converted(files)
    assert converted.source.format == "panoptic" and converted.source.classes.names == ["zebra", "grass"]
    [mask] = converted.masks.values()
    assert [int((mask == value).sum()) for value in (0, 1, 255)] == [100, 100, 400]
    assert converted.source.pairs[0].split == "validation"
    assert sizes(objects_of(files)["x"]) == [100], "grass is no object"
    assert sizes(objects_of(panoptic([info(300, 200), info(70000, 200)]))["x"]) == [100, 100]
    assert sizes(objects_of(panoptic([info(300, 200), info(70000, 200, iscrowd=1)]))["x"]) == [100]
    assert Converted(files, classes=["grass"]).pixels == {"grass": 100}


def test_panoptic_files_that_tell_no_things_have_a_background(folder: Path) -> None:
    """CVAT and Datumaro write isthing = 0 for all categories."""
    for more in ({"isthing": 0}, {"isthing": 1}, {}):
        categories = [{"id": 200, "name": "zebra", **more}, {"id": 1, "name": "grass", **more}]
        files = panoptic([info(300, 200), info(70000, 1)], categories=categories)
        converted = Converted(files)
        assert converted.source.classes.names == ["background", "zebra", "grass"]
        assert converted.pixels == {"zebra": 100, "grass": 100} and converted.masks["x"][19, 0] == 0
        assert sizes(objects_of(files)["x"]) == [100, 100]


def test_pixels_of_a_bad_segment_are_ignored(folder: Path) -> None:
    converted = Converted(panoptic([info(300, 200), info(70000, 99)]), skip_bad=True)
    assert (converted.masks["x"] == 255).sum() == 500 and len(converted.left_out) == 2


BAD_PANOPTIC = {
    "unlisted": (
        panoptic([info(300, 200)]),
        "segment 70000 at (20, 0) of annotations/panoptic_val2017/x.png is not in",
    ),
    "no pixels": (panoptic([info(300, 200), info(70000, 1), info(5, 1)]), "segment 5, a grass, has no pixels"),
    "twice": (panoptic([info(300, 200), info(300, 1)]), "segment 300 is listed twice"),
    "unknown category": (panoptic([info(300, 99)]), "segment 300 has the unknown category 99"),
    "no number": (panoptic([info("a", 1)]), "has the segment 'a', which no colour stands for"),
    "grey": (panoptic([info(1, 1)], values(1)), "holds no numbers of segments: it is L, not RGB"),
    "no PNG": (
        {name: content for name, content in panoptic([info(300, 200)]).items() if not name.endswith(".png")},
        "its mask 'panoptic_val2017/x.png' is not in the archive",
    ),
    "no such image": (panoptic([], images=[]), "are of the image 7, an id of no image"),
    "size": (
        panoptic([info(300, 200), info(70000, 1)], np.zeros((9, 9, 3), np.uint8)),
        "has 9×9 pixels, but its image",
    ),
}


@pytest.mark.parametrize("case", BAD_PANOPTIC)
def test_bad_panoptic_sets_are_refused(folder: Path, case: str) -> None:
    files, message = BAD_PANOPTIC[case]
    assert message in refusal(files, format="panoptic")


# COCO-Stuff


def test_coco_stuff_adds_one_to_the_pixel_value(folder: Path) -> None:
    files: Files = {
        "labels.txt": "0: unlabeled\n1: person\n2: bicycle\n3: wall-other\n",
        "images/val2017/x.jpg": photo(),
        "stuffthingmaps/val2017/x.png": png_bytes(values(255, v0=LEFT, v2=RIGHT)),
    }
    converted = Converted(files)
    assert converted.source.format == "coco_stuff"
    assert converted.source.classes.names == ["person", "bicycle", "wall-other"]
    [mask] = converted.masks.values()
    assert [int((mask == value).sum()) for value in (0, 2, 255)] == [100, 100, 400]
    assert Converted(files, classes=["wall-other"]).pixels == {"wall-other": 100}
    assert "value 3 at (0, 0)" in refusal(files | {"stuffthingmaps/val2017/x.png": png_bytes(values(3))})
    assert "has no image of the same name and folder" in refusal(files | {"maps/y.png": png_bytes(values(3))})


# Mapillary Vistas


def config(**more) -> str:
    labels = [
        {"name": "animal--bird", "readable": "Bird", "evaluate": True, "instances": True},
        {"name": "nature--sky", "readable": "Sky", "evaluate": True, "instances": False},
        {"name": "void--unlabeled", "readable": "Unlabeled", "evaluate": False, "instances": False},
    ]
    return json.dumps({"version": "2.0", "labels": labels} | more)


def indexed(pixels: np.ndarray) -> bytes:
    image = Image.fromarray(pixels, "P")
    image.putpalette([(7 * number) % 256 for number in range(768)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


BIRDS = values(1 * 256, np.uint16, v0=LEFT, v1=(0, 10, 10, 20), v512=RIGHT)  # two birds in the sky


@pytest.mark.parametrize("version", ["", "v1.2/", "v2.0/"])
def test_mapillary_labels_and_instances_are_read(folder: Path, version: str) -> None:
    labels = values(1, v0=LEFT, v2=RIGHT)
    labels[10:20, :10] = 0
    name = f"config_{version[:-1]}.json" if version else "config.json"
    files: Files = {name: config(), "training/images/x.jpg": photo()}
    both = files | {
        f"training/{version}labels/x.png": indexed(labels),
        f"training/{version}instances/x.png": png_bytes(BIRDS),
    }
    for one in (both, files | {f"training/{version}instances/x.png": png_bytes(BIRDS)}):
        converted = Converted(one)
        assert converted.source.format == "mapillary" and converted.source.classes.names == ["Bird", "Sky"]
        [mask] = converted.masks.values()
        assert [int((mask == value).sum()) for value in (0, 1, 255)] == [200, 300, 100]
        assert sizes(objects_of(one)["x"]) == [100, 100]
    without = files | {f"training/{version}labels/x.png": indexed(labels)}
    assert "has no file in a folder instances" in refusal_of_objects(without)
    assert Converted(without, classes=["Sky"]).pixels == {"Sky": 300}
    assert "value 9 at (0, 0)" in refusal(files | {f"training/{version}labels/x.png": indexed(values(9))})


def test_the_newest_version_of_mapillary_counts(folder: Path) -> None:
    files: Files = {"training/images/x.jpg": photo(), "config_v1.2.json": config(), "config_v2.0.json": config()}
    for version, value in (("v1.2", 0), ("v2.0", 1)):
        files[f"training/{version}/labels/x.png"] = indexed(values(value))
    assert Converted(files).pixels["Sky"] == HEIGHT * WIDTH


# Open Images


def open_images(rows: list[str], **more: bytes) -> Files:
    header = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks"
    files: Files = {
        "annotations/train-annotations-object-segmentation.csv": "\n".join([header, *rows]) + "\n",
        "annotations/class-descriptions.csv": '/m/01,Cat\n/m/02,"Dog, small"\n/m/03,Axe\n',
        "images/train/i1.jpg": photo(),
        "masks/train/i1_m01_a.png": png_bytes(values(0, v255=LEFT)),
    }
    return files | {f"masks/train/{name}.png": content for name, content in more.items()}


def test_open_images_masks_are_scaled_to_the_image(folder: Path) -> None:
    half = np.zeros((HEIGHT // 2, WIDTH // 2), np.uint8)
    half[:5, 10:15] = 255
    rows = [
        "i1_m01_a.png,i1,/m/01,a,0,0.3,0,0.5,0.9,",
        "i1_m02_b.png,i1,/m/02,b,0.6,1,0,0.5,0.9,",
        "zz_m01_c.png,zz,/m/01,c,0,1,0,1,0.9,",
    ]
    files = open_images(rows, i1_m02_b=png_bytes(half))
    converted = Converted(files)
    assert converted.source.format == "open_images" and converted.pixels == {"Cat": 100, "Dog, small": 100}
    assert converted.source.pairs[0].split == "train"
    assert sizes(objects_of(files)["i1"]) == [100, 100]
    assert Converted(files, classes=["Dog, small"]).pixels == {"Dog, small": 100}


def test_bad_open_images_are_refused(folder: Path) -> None:
    assert "line 2: its mask 'no.png' is not in the archive" in refusal(open_images(["no.png,i1,/m/01,a,,,,,,"]))
    assert "line 2 has no mask, image or class" in refusal(open_images(["i1_m01_a.png,i1,,a,,,,,,"]))
    damaged = open_images(["b.png,i1,/m/01,a,,,,,,"], b=b"\x89PNG")
    assert "its mask does not decode" in refusal(damaged)


# Folders of masks: endings, Roboflow, pages


@pytest.mark.parametrize(
    ("image", "mask"),
    [("train/x.jpg", "train_masks/x_mask.gif"), ("x.jpg", "x_mask.png"), ("a/x.jpg", "a/x-mask.png"),
     ("Training_Input/x.jpg", "Training_GroundTruth/x_segmentation.png"), ("img/x.jpg", "seg/x_seg.png"),
     ("images/x.jpg", "masks/x_mask.png"), ("images/x.jpg", "labels/x_label.png"), ("x.jpg", "x_gt.png"),
     ("images/x.jpg", "masks/X_labelIds.png"), ("data/x.jpg", "data/masks/x_mask.png"), ("a/x.jpg", "a/masks/x.png")],
)  # fmt: skip
def test_masks_with_an_ending_belong_to_the_image_of_the_name(folder: Path, image: str, mask: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(values(0, v255=LEFT)).save(buffer, "GIF" if mask.endswith(".gif") else "PNG")
    converted = Converted({image: photo(), mask: buffer.getvalue()})
    assert converted.source.format == "png" and list(converted.pixels.values()) == [100]


def test_masks_whose_image_is_uncertain_are_refused(folder: Path) -> None:
    mask = png_bytes(values(0, v255=LEFT))
    both = {"a/x.jpg": photo(), "b/x.jpg": photo(), "c/x_mask.png": mask}
    assert "c/x_mask.png: its image may be a/x.jpg or b/x.jpg; put image and mask into one folder" in refusal(both)
    assert len(Converted(both | {"a/y.jpg": photo(), "a/y_mask.png": mask}, skip_bad=True).masks) == 1
    other_split = {"test/x.jpg": photo(), "train/x_mask.png": mask}
    assert "train/x_mask.png: its image is not in the archive" in refusal(other_split)
    second = {"x.jpg": photo(), "x_mask.png": mask, "x_label.png": mask}
    assert "its image x.jpg has the mask x_mask.png too" in refusal(second)
    numbered = {"x.jpg": photo(), "x_mask.png": mask, "x_mask_1.png": mask}
    assert "x_mask_1.png: has no mask of its name with an ending such as _mask" in refusal(numbered)
    folders = {"images/x.jpg": photo(), "masks/x.png": mask, "masks/x_mask.png": mask}
    assert "masks/x_mask.png: its image has the mask masks/x.png too; keep one" in refusal(folders)
    loose = {"x.jpg": photo(), "x.png": photo("PNG"), "masks/x.png": mask}
    assert "its image may be x.jpg or x.png; keep one of them" in refusal(loose)


def test_masks_of_the_field_of_view_are_not_taken_for_labels(folder: Path) -> None:
    white = png_bytes(values(255))
    files: Files = {"training/images/21_training.png": photo("PNG"), "training/mask/21_training_mask.png": white}
    files["training/1st_manual/21_manual1.png"] = png_bytes(values(0, v255=LEFT))
    assert "1st_manual/21_manual1.png: lies in a folder of manual labels, as in DRIVE" in refusal(files)


def test_roboflow_masks_have_the_names_of_their_table(folder: Path) -> None:
    files: Files = {}
    for split in ("train", "valid"):
        files |= {
            f"{split}/cat-1_jpg.rf.4f1a.jpg": photo(),
            f"{split}/cat-1_jpg.rf.4f1a_mask.png": png_bytes(values(0, v1=LEFT, v3=RIGHT)),
            f"{split}/_classes.csv": "Pixel Value, Class\n0, background\n1, big cat\n3, dog\n",
        }
    converted = Converted(files)
    assert converted.pixels == {"big cat": 100, "dog": 100} and len(converted.source.pairs) == 2
    assert {pair.split for pair in converted.source.pairs} == {"train", "validation"}
    files["valid/_classes.csv"] = "Pixel Value, Class\n0, background\n1, dog\n"
    assert "names other classes than" in refusal(files)


def tiff(pages: list[np.ndarray], **options) -> bytes:
    images = [Image.fromarray(page) for page in pages]
    buffer = io.BytesIO()
    images[0].save(buffer, "TIFF", save_all=True, append_images=images[1:], **options)
    return buffer.getvalue()


GREYS = [(noise(HEIGHT, WIDTH, seed)[..., 0].astype(np.uint16) * 257) for seed in range(3)]
PAGES = [values(0, v255=LEFT), values(0, v255=(0, 0, 1, 1)), values()]


def test_pages_of_a_tiff_file_are_images_of_their_own(folder: Path) -> None:
    files: Files = {"images/volume.tif": tiff(GREYS), "masks/volume.tif": tiff(PAGES)}
    converted = Converted(files)
    areas = {name: int((mask == 1).sum()) for name, mask in converted.masks.items()}
    assert areas == {"volume_000": 100, "volume_001": 1, "volume_002": 0}
    for number in range(3):
        written = np.asarray(Image.open(f"images/volume_{number:03d}.png"))[..., 0]
        assert (written == GREYS[number] // 257).all()


def test_stacks_of_other_numbers_of_pages_are_refused(folder: Path) -> None:
    files: Files = {"images/v.tif": tiff(GREYS), "masks/v.tif": tiff(PAGES[:2])}
    assert "masks/v.tif: has 2 pages, but its image images/v.tif has 3;" in refusal(files)
    one: Files = {"images/v.tif": tiff(GREYS), "masks/v.png": png_bytes(PAGES[0])}
    assert "has 1 pages, but its image images/v.tif has 3" in refusal(one)
    shapes = [shape("cat", [[1, 1], [20, 1], [20, 10]])]
    with_shapes: Files = {"v.tif": tiff(GREYS), "v.json": labelme("v.tif", shapes, WIDTH, HEIGHT)}
    assert "v.tif: has 3 pages; save each page as a file of its own" in refusal(with_shapes)
    stack = tiff(GREYS[:1], description="ImageJ=1.54f\nimages=30\nslices=30\n")
    assert "an ImageJ stack of 30 images in one page" in refusal({"images/v.tif": stack, "masks/v.tif": stack})
    voc: Files = {"JPEGImages/v.jpg": photo(), "SegmentationClass/v.tif": tiff(PAGES)}
    assert "has 3 pages; save each page as a file of its own" in refusal(voc)


def test_smaller_copies_in_a_tiff_file_are_no_pages(folder: Path) -> None:
    small = Image.fromarray(GREYS[0][::2, ::2].copy())
    small.encoderinfo = {"tiffinfo": {254: 1}}
    buffer = io.BytesIO()
    Image.fromarray(GREYS[0]).save(buffer, "TIFF", save_all=True, append_images=[small])
    assert Image.open(buffer).n_frames == 2
    files: Files = {"images/v.tif": buffer.getvalue(), "masks/v.png": png_bytes(PAGES[0])}
    assert Converted(files).pixels == {"foreground": 100}


def test_folders_of_slices_are_read(folder: Path) -> None:
    files: Files = {}
    for number in range(3):
        files[f"images/case1/{number:03d}.tif"] = tiff(GREYS[number : number + 1])
        files[f"masks/case1/{number:03d}.png"] = png_bytes(PAGES[number])
    assert len(Converted(files).masks) == 3


# Pascal VOC's objects


def voc(objects: bytes | None) -> Files:
    files: Files = {
        "JPEGImages/x.jpg": photo(),
        "SegmentationClass/x.png": indexed(values(0, v1=LEFT, v2=RIGHT, v255=(10, 0, 11, 10))),
        "class_names.txt": "_background_\ncat\ndog\n",
    }
    return files | ({} if objects is None else {"SegmentationObject/x.png": objects})


def test_voc_objects_are_numbered(folder: Path) -> None:
    numbers = values(0, v4=LEFT, v9=RIGHT, v255=(10, 0, 11, 10))
    assert sizes(objects_of(voc(indexed(numbers)))["x"]) == [100, 100]
    colours = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    colours[:10, :10], colours[:10, 20:], colours[:10, 10] = (128, 0, 0), (0, 128, 0), (224, 224, 192)
    assert sizes(objects_of(voc(png_bytes(colours)))["x"]) == [100, 100]
    assert sizes(objects_of(voc(indexed(numbers)), ignore=["cat"])["x"]) == [100]
    assert "has no file in SegmentationObject" in refusal_of_objects(voc(None))
    assert "has 20×30 pixels" in refusal_of_objects(voc(indexed(numbers.T.copy())))


# Anything else


SOUND: dict[str, Files] = {
    "cityscapes": cityscapes({"polygons.json": polygons(CITY_OBJECTS)}),
    "ade20k": ade(segments(AREAS), IN_2021),
    "panoptic": panoptic([info(300, 200), info(70000, 1)]),
    "mapillary": {
        "config.json": config(), "training/images/x.jpg": photo(), "training/labels/x.png": indexed(values(1)),
    },
}  # fmt: skip


def places(content: object, path: tuple = ()) -> list[tuple]:
    """The paths of all values in JSON content."""
    entries = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else []
    return [path] + [place for key, value in entries for place in places(value, (*path, key))]


def with_value(content: object, path: tuple, value: object) -> object:
    if not path:
        return value
    copy = dict(content) if isinstance(content, dict) else list(content)
    copy[path[0]] = with_value(copy[path[0]], path[1:], value)
    return copy


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(SOUND)), data=st.data(), value=json_values, skip_bad=st.booleans())
def test_no_json_value_ends_in_a_traceback(
    folder: Path, name: str, data: st.DataObject, value: object, skip_bad: bool
) -> None:
    files = dict(SOUND[name])
    path = next(one for one in files if one.endswith(".json"))
    content = json.loads(files[path])
    place = data.draw(st.sampled_from(places(content)))
    files[path] = json.dumps(with_value(content, place, value))
    try:
        converted = Converted(files, format=name, skip_bad=skip_bad)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert all(mask.shape == (HEIGHT, WIDTH) for mask in converted.masks.values())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["open_images", "coco_stuff", "voc"]), st.text(max_size=40) | st.binary(max_size=40), st.booleans()
)
def test_no_text_ends_in_a_traceback(folder: Path, name: str, text: str | bytes, skip_bad: bool) -> None:
    files: dict[str, Files] = {
        "open_images": open_images(["i1_m01_a.png,i1,/m/01,a,,,,,,"]),
        "coco_stuff": {"labels.txt": "0: unlabeled\n1: a\n", "t/x.jpg": photo(), "m/t/x.png": png_bytes(values())},
        "voc": voc(None),
    }
    found = files[name]
    path = next(one for one in found if one.endswith((".csv", ".txt")))
    start = found[path] if name != "voc" else ""
    content = text if isinstance(text, bytes) else f"{start}{text}".encode("utf-8", "replace")
    with contextlib.suppress(UserError):
        Converted(found | {path: content}, format=name, skip_bad=skip_bad)
