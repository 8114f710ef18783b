"""Annotated sets as people have them, after public reports: each kind that once gave a wrong mask without a word."""

import base64
import io
import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from conftest import jpeg_bytes, labelme, noise, png_bytes, shape, write_zip
from PIL import Image

from darkroom.annotations.draw import MaskJob, draw_masks
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.report import list_left_out
from darkroom.annotations.source import read_source
from darkroom.archives.index import open_archives
from darkroom.common.errors import UserError
from darkroom.datasets.pairs import read_image, read_mask

HEIGHT, WIDTH = 40, 50
ORIENTATION = 0x0112


def photo(orientation: int | None = None, size: tuple[int, int] = (HEIGHT, WIDTH), seed: int = 0) -> bytes:
    exif = Image.Exif()
    if orientation:
        exif[ORIENTATION] = orientation
    return jpeg_bytes(noise(*size, seed), exif=exif)


def box(x: float, y: float, w: float, h: float) -> list[float]:
    return [x, y, x + w, y, x + w, y + h, x, y + h]


def coco(images: list[dict], annotations: list[dict], names: dict[int, str]) -> str:
    return json.dumps(
        {
            "images": [{"width": WIDTH, "height": HEIGHT} | image for image in images],
            "annotations": [{"id": n, "iscrowd": 0} | one for n, one in enumerate(annotations, 1)],
            "categories": [{"id": number, "name": name} for number, name in names.items()],
        }
    )


def regions(areas: dict, background: object = 0, mode: str = "L") -> Image.Image:
    """A mask with boxes (left, top, right, bottom) by value."""
    image = Image.new(mode, (WIDTH, HEIGHT), background)
    for value, area in areas.items():
        image.paste(value, area)
    return image


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


CRACK, RUST = (5, 5, 25, 15), (5, 20, 15, 30)  # 200 and 100 pixels


class Converted:
    """What becomes of an archive of `files`."""

    def __init__(self, files: dict[str, bytes | str], **parameters) -> None:
        write_zip(Path("raw/own.zip"), files)
        checked = AnnotationParameters(**parameters)
        with open_archives(Path("raw")) as members:
            self.source = read_source(checked, members, "annotations", "own.zip")
            Path("masks").mkdir(exist_ok=True)
            Path("images").mkdir(exist_ok=True)
            jobs = [
                MaskJob(pair, Path("masks", f"{pair.split}-{pair.name}.png"), Path("images"))
                for pair in self.source.pairs
            ]
            drawn = draw_masks(self.source, jobs, checked)
        self.left_out = [*self.source.refused, *list_left_out(drawn)]
        self.masks = {job.pair.name: read_mask(job.mask) for job, one in zip(jobs, drawn, strict=True) if not one.error}

    @property
    def pixels(self) -> dict[str, int]:
        """Of each class but the background."""
        counts = np.sum([np.bincount(mask.ravel(), minlength=256) for mask in self.masks.values()], axis=0)
        return {name: int(counts[value]) for value, name in enumerate(self.source.classes.names) if value}


def refusal(files: dict[str, bytes | str], **parameters) -> str:
    with pytest.raises(UserError) as refused:
        Converted(files, **parameters)
    assert "\n" not in str(refused.value) and "object at 0x" not in str(refused.value)
    return str(refused.value)


# LabelMe and X-AnyLabeling


def one_shape(kind: str, points: list, **more) -> dict[str, bytes | str]:
    return {"a.jpg": photo(), "a.json": labelme("a.jpg", [shape("cover", points, kind, **more)], WIDTH, HEIGHT)}


CORNERS = [[10, 5], [29, 5], [29, 24], [10, 24]]
SHAPES = {
    "four corners": ("rectangle", CORNERS, 400),
    "four corners, from another one on": ("rectangle", [*CORNERS[2:], *CORNERS[:2]], 400),
    "four corners with fractions": ("rectangle", [[10.5, 5.5], [29.5, 5.5], [29.5, 24.5], [10.5, 24.5]], 400),
    "a box that is turned": ("rectangle", [[20, 5], [30, 15], [20, 25], [10, 15]], 221),
    "oriented_rectangle": ("oriented_rectangle", [[20, 5], [30, 15], [20, 25], [10, 15]], 221),
    "rotation": ("rotation", CORNERS, 400),
}


@pytest.mark.parametrize("case", SHAPES)
def test_boxes_of_four_corners(folder: Path, case: str) -> None:
    kind, points, area = SHAPES[case]
    assert Converted(one_shape(kind, points)).pixels["cover"] == pytest.approx(area, abs=25)


@pytest.mark.parametrize(
    ("kind", "count", "needs"),
    [("rectangle", 1, "2 to 4"), ("rectangle", 3, "2 or 4"), ("rectangle", 5, "2 to 4"), ("circle", 3, "2"),
     ("line", 3, "2"), ("point", 2, "1"), ("oriented_rectangle", 2, "4"), ("rotation", 5, "4")],
)  # fmt: skip
def test_counts_of_points_that_mean_nothing(folder: Path, kind: str, count: int, needs: str) -> None:
    points = [[10 + 3 * n, 5 + n * n] for n in range(count)]
    assert f"a {kind} has {count} points and needs {needs};" in refusal(one_shape(kind, points))


def test_corners_that_make_no_box(folder: Path) -> None:
    assert "four corners that make no box" in refusal(one_shape("rotation", [[10, 5], [29, 24], [29, 5], [10, 20]]))


def test_names_of_another_case_form_or_slash(folder: Path) -> None:
    for stored, stated in [
        ("A1.JPG", "A1.jpg"),
        ("pictures/a.jpg", "..\\pictures\\a.jpg"),
        ("pictures/a.jpg", "C:\\Users\\me\\pictures\\a.jpg"),
        (unicodedata.normalize("NFD", "Überzug.jpg"), unicodedata.normalize("NFC", "Überzug.jpg")),
    ]:
        annotation = labelme(stated, [shape("cat", [[10, 5], [29, 24]], "rectangle")], WIDTH, HEIGHT)
        name = "labels/own.json" if "/" in stored else f"{stored.rpartition('.')[0]}.json"
        assert Converted({stored: photo(), name: annotation}).pixels == {"cat": 400}, stated


def test_base64_with_line_breaks_or_as_a_data_uri(folder: Path) -> None:
    plain = base64.encodebytes(png_bytes(noise(HEIGHT, WIDTH))).decode()
    for written in (plain, f"data:image/png;base64,{plain.strip()}"):
        shapes = [shape("cat", [[10, 5], [29, 24]], "rectangle")]
        assert Converted({"a.json": labelme("gone.png", shapes, WIDTH, HEIGHT, imageData=written)}).pixels["cat"] == 400


def test_two_annotations_of_one_image(folder: Path) -> None:
    """A copy that still names the image that it was copied from."""
    files = one_shape("rectangle", CORNERS)
    message = refusal({**files, "b.jpg": photo(), "b.json": files["a.json"]})
    assert "its image a.jpg is annotated twice" in message and "a.json" in message and "b.json" in message


# COCO


def test_categories_belong_to_their_file(folder: Path) -> None:
    files: dict[str, bytes | str] = {}
    for split, names in (("train", {1: "apple", 2: "bean"}), ("val", {2: "apple", 1: "bean"})):
        files[f"{split}/{split}_0.jpg"] = photo()
        apple = next(number for number, name in names.items() if name == "apple")
        annotation = {"image_id": 1, "category_id": apple, "segmentation": [box(10, 10, 20, 10)]}
        files[f"{split}/{split}.json"] = coco([{"id": 1, "file_name": f"{split}_0.jpg"}], [annotation], names)
    converted = Converted(files)
    assert converted.pixels == {"apple": 400, "bean": 0}
    twice = json.loads(files["val/val.json"])
    twice["categories"].append({"id": 1, "name": "corn"})
    assert "category 1 is 'bean' and 'corn'" in refusal({**files, "val/val.json": json.dumps(twice)})


def roboflow(image: str, folder: str, **size) -> dict[str, bytes | str]:
    annotation = {"image_id": 0, "category_id": 1, "segmentation": [box(10, 10, 20, 10)]}
    return {
        f"{folder}/_annotations.coco.json": coco([{"id": 0, "file_name": image, **size}], [annotation], {1: "apple"})
    }


def test_an_image_is_the_one_beside_its_file(folder: Path) -> None:
    files = {"train/1.jpg": photo(), "valid/1.jpg": photo(size=(30, 60), seed=1)}
    files |= roboflow("1.jpg", "train") | roboflow("1.jpg", "valid", width=60, height=30)
    converted = Converted(files)
    assert {(pair.split, pair.image.name) for pair in converted.source.pairs} == {
        ("train", "train/1.jpg"), ("validation", "valid/1.jpg"),
    }  # fmt: skip


def test_an_image_in_a_folder_beside_that_of_the_annotations(folder: Path) -> None:
    files: dict[str, bytes | str] = {}
    for part in ("one", "two"):
        files[f"{part}/images/1.jpg"] = photo(seed=len(files))
        files |= roboflow("1.jpg", f"{part}/annotations")
    found = {pair.annotation.name: pair.image.name for pair in Converted(files).source.pairs}
    assert found == {f"{p}/annotations/_annotations.coco.json": f"{p}/images/1.jpg" for p in ("one", "two")}


def test_an_image_that_may_be_two(folder: Path) -> None:
    message = refusal({"here/1.jpg": photo(), "there/1.jpg": photo()} | roboflow("1.jpg", "notes"))
    assert "here/1.jpg or there/1.jpg" in message


def test_a_folder_is_not_named_by_a_letter_of_the_file(folder: Path) -> None:
    annotation = {"image_id": 0, "category_id": 1, "segmentation": [box(10, 10, 20, 10)]}
    files = {"a/1.jpg": photo(), "b/1.jpg": photo()}
    for name in ("annotations", "instances_b"):
        files[f"{name}.json"] = coco([{"id": 0, "file_name": "1.jpg"}], [annotation], {1: "apple"})
        if name == "annotations":
            assert "a/1.jpg or b/1.jpg" in refusal(files)
            del files["annotations.json"]
    assert Converted(files).source.pairs[0].image.name == "b/1.jpg"


def test_an_image_of_another_split_is_not_meant(folder: Path) -> None:
    assert "its image '1.jpg' is not in the archive" in refusal({"valid/1.jpg": photo()} | roboflow("1.jpg", "train"))


def test_an_image_in_two_files(folder: Path) -> None:
    files = {"1.jpg": photo()} | roboflow("1.jpg", "train") | roboflow("1.jpg", "more")
    assert "its image 1.jpg is annotated twice" in refusal(files)


def test_a_part_without_a_split(folder: Path) -> None:
    """It would be trained on without a word."""
    files = (
        {"train/1.jpg": photo(), "holdout/2.jpg": photo()} | roboflow("1.jpg", "train") | roboflow("2.jpg", "holdout")
    )
    assert "holdout/_annotations.coco.json: 2: is in no split" in refusal(files)


def test_equal_names_in_subfolders_keep_the_folder(folder: Path) -> None:
    names = [f"batch_{b}/{n}.jpg" for b in (1, 2) for n in ("000006", "000008")] + ["batch_1/other.jpg"]
    annotations = [{"image_id": n, "category_id": 0, "segmentation": [box(10, 10, 20, 10)]} for n in range(5)]
    files = {name: photo(seed=n) for n, name in enumerate(names)}
    files["annotations.json"] = coco([{"id": k, "file_name": n} for k, n in enumerate(names)], annotations, {0: "can"})
    converted = Converted(files)
    assert set(converted.masks) == {f"batch_{b}_{n}" for b in (1, 2) for n in ("000006", "000008")} | {"other"}
    assert converted.pixels == {"can": 1000}


def objects(*segmentations: object) -> dict[str, bytes | str]:
    good = {"image_id": 1, "category_id": 1, "segmentation": [box(10, 10, 20, 10)]}
    bad = [
        {"id": 77 + n, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]} | s for n, s in enumerate(segmentations)
    ]
    return {"images/a.jpg": photo(), "a.json": coco([{"id": 1, "file_name": "a.jpg"}], [good, *bad], {1: "apple"})}


@pytest.mark.parametrize(
    ("segmentation", "what"),
    [({"segmentation": []}, "is a box without a shape"), ({}, "is a box without a shape"),
     ({"segmentation": box(1, 1, 5, 5)}, "flat list"), ({"segmentation": [[1, 1, 5, 5]]}, "fewer than three points"),
     ({"segmentation": [box(1, 1, 5, 5)], "category_id": 9}, "unknown category 9")],
)  # fmt: skip
def test_a_bad_object_is_named_and_left_out_alone(folder: Path, segmentation: dict, what: str) -> None:
    message = refusal(objects(segmentation))
    assert "annotation 77" in message and what in message
    converted = Converted(objects(segmentation), skip_bad=True)
    assert converted.pixels == {"apple": 200} and len(converted.left_out) == 1 and "77" in converted.left_out[0]


def test_a_bad_shape_is_left_out_alone(folder: Path) -> None:
    shapes = [shape("cat", [[10, 5], [29, 24]], "rectangle"), shape("cat", [[1, 1]])]
    files = {"a.jpg": photo(), "a.json": labelme("a.jpg", shapes, WIDTH, HEIGHT)}
    assert "shapes[1], a cat: a polygon has 1 points and needs 3 or more" in refusal(files)
    converted = Converted(files, skip_bad=True)
    assert converted.pixels == {"cat": 400} and len(converted.left_out) == 1


def test_empty_keypoints_are_none(folder: Path) -> None:
    files = objects()
    content = json.loads(files["a.json"])
    content["categories"][0]["keypoints"] = []
    assert Converted({**files, "a.json": json.dumps(content)}).pixels == {"apple": 200}
    content["categories"][0]["keypoints"] = ["nose"]
    assert "holds no images with annotations" in refusal({**files, "a.json": json.dumps(content)})


# Photos that are stored turned


def turned_set(orientations: dict[str, int], stated: dict[str, tuple[int, int]]) -> dict[str, bytes | str]:
    """Photos with a box in the upper left corner of what its annotator was shown."""
    images = [
        {"id": n, "file_name": f"{name}.jpg", "width": stated[name][0], "height": stated[name][1]}
        for n, name in enumerate(orientations)
    ]
    annotations = [{"image_id": n, "category_id": 1, "segmentation": [box(0, 0, 20, 10)]} for n in range(len(images))]
    files: dict[str, bytes | str] = {f"{name}.jpg": photo(number) for name, number in orientations.items()}
    return files | {"a.json": coco(images, annotations, {1: "apple"})}


def corner(mask: np.ndarray) -> str:
    """Where the box is in the image as it is seen."""
    y, x = (int(axis.mean()) for axis in np.nonzero(mask))
    return ("upper" if y < mask.shape[0] / 2 else "lower") + (" left" if x < mask.shape[1] / 2 else " right")


def test_sizes_tell_how_photos_of_the_file_were_seen(folder: Path) -> None:
    orientations = {"half": 3, "quarter": 6}
    seen = {"half": (WIDTH, HEIGHT), "quarter": (HEIGHT, WIDTH)}
    assert corner(Converted(turned_set(orientations, seen)).masks["half"]) == "upper left"
    stored = {"half": (WIDTH, HEIGHT), "quarter": (WIDTH, HEIGHT)}
    assert corner(Converted(turned_set(orientations, stored)).masks["half"]) == "lower right"


def test_photos_that_nothing_tells_of(folder: Path) -> None:
    files = turned_set({"half": 3}, {"half": (WIDTH, HEIGHT)})
    assert "half.jpg" in refusal(files) and "set annotations.exif to seen or stored" in refusal(files)
    assert corner(Converted(files, exif="seen").masks["half"]) == "upper left"
    assert corner(Converted(files, exif="stored").masks["half"]) == "lower right"
    good = turned_set({"half": 3, "plain": 1}, dict.fromkeys(["half", "plain"], (WIDTH, HEIGHT)))
    converted = Converted(good, skip_bad=True)
    assert set(converted.masks) == {"plain"} and len(converted.left_out) == 1
    both = turned_set(
        {"half": 3, "a": 6, "b": 6}, {"half": (WIDTH, HEIGHT), "a": (WIDTH, HEIGHT), "b": (HEIGHT, WIDTH)}
    )
    assert "half.jpg" in refusal(both), "the others contradict each other"


def test_square_photos_are_told_by_the_others(folder: Path) -> None:
    files = turned_set({"square": 6, "quarter": 6}, {"square": (HEIGHT, HEIGHT), "quarter": (HEIGHT, WIDTH)})
    files["square.jpg"] = photo(6, (HEIGHT, HEIGHT))
    assert corner(Converted(files).masks["square"]) == "upper left"


def test_masks_of_turned_photos(folder: Path) -> None:
    """The same for masks that are files: one of a photo on its side tells for those that stand on their heads."""
    masks = {"half": regions({1: (0, 0, 20, 10)}), "quarter": regions({1: (0, 0, 20, 10)})}
    files = {f"images/{name}.jpg": photo(3 if name == "half" else 6) for name in masks}
    files |= {f"masks/{name}.png": saved(mask) for name, mask in masks.items()}
    assert corner(Converted(files).masks["half"]) == "lower right"
    files["masks/quarter.png"] = saved(masks["quarter"].transpose(Image.Transpose.ROTATE_90))
    assert corner(Converted(files).masks["half"]) == "upper left"


# Masks that are files


def mask_set(masks: dict[str, Image.Image | bytes], **more: bytes | str) -> dict[str, bytes | str]:
    files = {f"images/{name}.jpg": photo(seed=n) for n, name in enumerate(masks)}
    files |= {f"masks/{n}.png": mask if isinstance(mask, bytes) else saved(mask) for n, mask in masks.items()}
    return files | {f"{name}.txt": content for name, content in more.items()}


BINARY = {name: regions({255: CRACK}) for name in "ab"}


@pytest.mark.parametrize(
    "lines",
    ["background\ncrack\n", "crack\n", "crack\nbackground\n", "\ufeffbackground\r\ncrack\r\n",
     "0 background\n1 crack", "1: crack", "# ours\n_background_\ncrack"],
)  # fmt: skip
def test_binary_masks_with_names(folder: Path, lines: str) -> None:
    assert Converted(mask_set(BINARY, classes=lines)).pixels == {"crack": 400}


def test_binary_masks_in_other_clothes(folder: Path) -> None:
    white = Image.fromarray(np.array(BINARY["a"], np.uint16) * 257)
    colours = {
        "16 bit": white,
        "RGB": regions({(255, 255, 255): CRACK}, (0, 0, 0), "RGB"),
        "RGBA": regions({(255, 255, 255, 255): CRACK}, (0, 0, 0, 255), "RGBA"),
        "LA": regions({(255, 255): CRACK}, (0, 255), "LA"),
        "one bit": regions({1: CRACK}, 0, "1"),
    }
    for what, mask in colours.items():
        assert list(Converted(mask_set({"a": mask})).pixels.values()) == [200], what
    see_through = regions({(255, 255, 255, 0): CRACK}, (0, 0, 0, 255), "RGBA")
    assert "transparency that varies" in refusal(mask_set({"a": see_through}))
    assert "is RGB, not single-channel" in refusal(mask_set({"a": regions({(9, 8, 7): CRACK}, (0, 0, 0), "RGB")}))


def test_binary_masks_with_too_many_names(folder: Path) -> None:
    assert "names 2 classes beside the background" in refusal(mask_set(BINARY, classes="background\na\nb"))
    assert "annotations.classes: names 2 classes" in refusal(mask_set(BINARY), classes=["a", "b"])


def test_binary_masks_of_two_codings(folder: Path) -> None:
    masks = {"a": regions({1: CRACK}), "b": regions({255: CRACK})}
    for files in (mask_set(masks), mask_set(masks, classes="background\ncrack")):
        assert "is of 0 and 1, but 1 others are of 0 and 255" in refusal(files)
        assert list(Converted(files, threshold=1).pixels.values()) == [400]


def soft_masks(kind: str) -> dict[str, bytes | str]:
    mask = regions({255: CRACK})
    if kind == "JPEG":
        content = saved(mask, "JPEG", quality=60)
    else:
        content = saved(mask.resize((WIDTH * 3, HEIGHT * 3), Image.Resampling.BICUBIC).resize(mask.size))
    suffix = "jpg" if kind == "JPEG" else "png"
    return {"images/a.jpg": photo(), f"masks/a.{suffix}": content}


@pytest.mark.parametrize("kind", ["JPEG", "resized"])
@pytest.mark.parametrize("names", [None, "background\ncrack\n"])
def test_soft_masks(folder: Path, kind: str, names: str | None) -> None:
    files = soft_masks(kind) | ({"classes.txt": names} if names else {})
    message = refusal(files)
    assert "masks/a." in message and "saved as JPEG: set annotations.threshold" in message
    assert list(Converted(files, threshold=128).pixels.values()) == [pytest.approx(200, abs=10)]


def test_values_that_are_no_ids(folder: Path) -> None:
    assert "look like shades of grey" in refusal(mask_set({"a": regions({38: CRACK, 75: RUST})}))
    large = Image.fromarray(np.array(regions({1: CRACK}), np.uint16) * 700)
    assert "masks/b.png: has the value 700" in refusal(mask_set({"a": regions({1: CRACK}), "b": large}))
    huge = Image.fromarray(np.array(regions({1: CRACK}), np.int32) * 70_000)
    files = {"images/a.jpg": photo(), "masks/a.tif": saved(huge, "TIFF")}
    assert "masks/a.tif: has values from 0 to 70000" in refusal(files)
    assert "does not decode as an image" in refusal(mask_set({"a": b"\x89PNG\r\n\x1a\nxx"}))


def test_palettes_with_gaps_are_read(folder: Path) -> None:
    assert Converted(mask_set({"a": regions({7: CRACK, 26: RUST})})).pixels["class 26"] == 100


def voc_set(mask: Image.Image, masks: str = "SegmentationClass", **more: bytes | str) -> dict[str, bytes | str]:
    files = {"JPEGImages/a.jpg": photo(), f"{masks}/a.png": saved(mask)}
    return files | {f"{name}.txt": content for name, content in more.items()}


def palette(areas: dict) -> Image.Image:
    image = regions(areas, 0, "P")
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    return image


@pytest.mark.parametrize("name", ["class_names", "classes", "labels"])
@pytest.mark.parametrize("masks", ["SegmentationClass", "SegmentationClassPNG"])
def test_layout_of_voc_with_its_own_names(folder: Path, name: str, masks: str) -> None:
    first = "__ignore__\n_background_" if name == "labels" else "_background_"
    files = voc_set(palette({1: CRACK, 2: RUST}), masks, **{name: f"{first}\ncrack\nrust\n"})
    assert Converted(files).pixels == {"crack": 200, "rust": 100}


def test_layout_of_voc_without_names(folder: Path, capsys: pytest.CaptureFixture) -> None:
    files = voc_set(palette({1: CRACK, 2: RUST}))
    files["ImageSets/Segmentation/train.txt"] = "a\n"
    assert Converted(files).pixels == {"class 1": 200, "class 2": 100}
    assert "no list names the classes" in capsys.readouterr().out
    pascals = {name.replace("a.", "2007_000032."): content for name, content in files.items() if "/a." in name}
    pascals["ImageSets/Segmentation/train.txt"] = "2007_000032\n"
    assert Converted(pascals).pixels["aeroplane"] == 200
    assert "named as Pascal VOC's" in capsys.readouterr().out


def test_a_name_in_two_lists(folder: Path) -> None:
    files = voc_set(palette({1: CRACK}), class_names="background\ncrack")
    files |= {"ImageSets/Segmentation/train.txt": "a\n", "ImageSets/Segmentation/val.txt": "a\n"}
    assert "a is in the list of the" in refusal(files)


CVAT = "# label:color_rgb:parts:actions\nCat:48,112,32::\nbackground:0,0,0::\nDog:176,112,32::\n"


def test_masks_in_the_colours_of_a_labelmap(folder: Path) -> None:
    coloured = regions({(48, 112, 32): CRACK, (176, 112, 32): RUST}, (0, 0, 0), "RGB")
    indexed = coloured.quantize(4)
    for mask in (coloured, indexed):
        assert Converted(voc_set(mask, labelmap=CVAT)).pixels == {"Cat": 200, "Dog": 100}
    strange = regions({(1, 2, 3): CRACK}, (0, 0, 0), "RGB")
    assert "colour [1, 2, 3] at (5, 5) is of no class" in refusal(voc_set(strange, labelmap=CVAT))
    colours = {"Cat": [48, 112, 32], "Dog": [176, 112, 32]}
    assert Converted(voc_set(coloured), colours=colours).pixels == {"Cat": 200, "Dog": 100}


def test_lists_that_contradict_each_other(folder: Path) -> None:
    files = mask_set({"a": regions({1: CRACK})}, classes="background\ncrack", labels="background\nrust")
    assert "names other classes than classes.txt" in refusal(files)
    assert "has the class 'crack' twice" in refusal(mask_set(BINARY, classes="background\ncrack\ncrack"))


def test_splits_below_the_folders_of_images_and_masks(folder: Path) -> None:
    for masks in ("masks", "labels", "annotations"):
        files = {f"set/images/{split}/a.jpg": photo() for split in ("train", "val")}
        files |= {f"set/{masks}/{split}/a.png": saved(regions({1: CRACK})) for split in ("train", "val")}
        assert {pair.split for pair in Converted(files).source.pairs} == {"train", "validation"}


def test_names_of_files_that_differ_in_case_or_suffix(folder: Path) -> None:
    mask = saved(regions({1: CRACK}))
    assert Converted({"images/A.JPG": photo(), "masks/a.PNG": mask}).pixels == {"class 1": 200}
    assert "keep one of them" in refusal({"images/a.jpg": photo(), "images/a.png": photo(), "masks/a.png": mask})


# Which format it is


def test_stray_json_beside_masks(folder: Path) -> None:
    files = mask_set({"a": regions({1: CRACK, 2: RUST})}, classes="background\ncrack\nrust\n")
    files["dataset-metadata.json"] = json.dumps({"title": "cracks"})
    assert Converted(files).pixels == {"crack": 200, "rust": 100}
    labelled = one_shape("rectangle", CORNERS)
    assert Converted({**labelled, "dataset-metadata.json": "{}"}).pixels == {"cover": 400}
    assert "a.json: is not LabelMe's" in refusal(
        {**labelled, "b.jpg": photo(), "b.json": labelled["a.json"], "a.json": "{}"}
    )


def test_two_formats_at_once(folder: Path, capsys: pytest.CaptureFixture) -> None:
    masks = mask_set({"a": regions({1: CRACK})})
    files = {**masks, "images/a.json": labelme("a.jpg", [shape("cat", CORNERS)], WIDTH, HEIGHT)}
    message = refusal(files)
    assert "may be of the formats labelme and png" in message and "--format" in message
    assert Converted(files, format="png").pixels == {"class 1": 200}
    more = {**files, "more/b.jpg": photo(), "more/b.json": labelme("b.jpg", [], WIDTH, HEIGHT)}
    assert Converted(more).source.format == "labelme" and "it may also be png" in capsys.readouterr().out


def test_a_threshold_where_there_are_no_grey_masks(folder: Path) -> None:
    message = refusal(one_shape("rectangle", CORNERS), threshold=9)
    assert "annotations: threshold = 9: is used by png and voc, not by labelme; remove it" in message


def test_texts_in_other_encodings(folder: Path) -> None:
    names = "背景\n裂缝\n锈蚀\n"
    for content in (names.encode("utf-16"), names.encode("utf-8-sig"), names.encode("gb18030")):
        converted = Converted(mask_set({"a": regions({1: CRACK, 2: RUST})}) | {"classes.txt": content})
        assert converted.pixels == {"裂缝": 200, "锈蚀": 100}
    shapes = [shape("锈蚀", [[30, 25], [39, 34]], "rectangle"), shape("裂缝", [[10, 5], [29, 24]], "rectangle")]
    annotation = labelme("a.jpg", shapes, WIDTH, HEIGHT)
    text = json.dumps(json.loads(annotation), ensure_ascii=False)
    for content in (text.encode("utf-8-sig"), text.encode("utf-16"), text.encode("gb18030")):
        assert Converted({"a.jpg": photo(), "a.json": content}).pixels == {"裂缝": 400, "锈蚀": 100}
    single = text.replace("锈蚀", "é").replace("裂缝", "°")  # UTF-8, if of two letters that stand alone
    assert Converted({"a.jpg": photo(), "a.json": single}).pixels == {"°": 400, "é": 100}
    few = text.replace("锈蚀", "rust").encode("gb18030")  # two letters may be Korean too
    assert "a.json: its encoding may be gb18030 or" in refusal({"a.jpg": photo(), "a.json": few})


def test_sixteen_bit_images(folder: Path) -> None:
    """Scaled to eight bits by 257, not cut off at 255."""
    grey = np.linspace(0, 65535, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)
    files = {"images/a.png": png_bytes(grey), "masks/a.png": saved(regions({1: CRACK}))}
    Converted(files)
    [path] = Path("images").iterdir()
    assert (read_image(path)[..., 0] == np.round(grey / 257)).all()
