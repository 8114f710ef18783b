"""Exports of CVAT, Datumaro, ISAT, V7 Darwin, SA-1B and X-AnyLabeling, written as these tools write them."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import labelme, png_bytes, shape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as rasterize
from test_ordinary_annotations import HEIGHT, WIDTH, Converted, photo, refusal

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.formats._base import load_format, load_formats
from darkroom.annotations.formats._shapes import ShapeFormat
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.shapes import Convention, Polygon, find_pixels, ring
from darkroom.annotations.source import read_source
from darkroom.archives.member import Member
from darkroom.common.errors import UserError

Files = dict[str, bytes | str]
BOX = [[10, 5], [30, 5], [30, 15], [10, 15]]  # 200 pixels between whole-numbered corners


def rle(region: np.ndarray) -> dict:
    """COCO's compressed run lengths."""
    encoded = rasterize.encode(np.asfortranarray(region.astype(np.uint8)))
    return {"size": list(encoded["size"]), "counts": encoded["counts"].decode()}


def region(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[top:bottom, left:right] = True
    return pixels


def only_mask(converted: Converted) -> np.ndarray:
    [mask] = converted.masks.values()
    return mask


# CVAT


def cvat_meta(names: list[str], owner: str = "task", more: str = "") -> str:
    labels = "".join(
        f"<label><name>{name}</name><color>#33ddff</color><type>any</type><attributes><attribute><name>name</name>"
        "<mutable>False</mutable><input_type>text</input_type></attribute></attributes></label>"
        for name in names
    )
    return f"<meta><{owner}><id>7</id><labels>{labels}{more}</labels></{owner}><dumped>2024-05-01</dumped></meta>"


def cvat_image(name: str, *shapes: str, **more: str) -> str:
    attributes = {"id": "0", "name": name, "width": str(WIDTH), "height": str(HEIGHT)} | more
    written = " ".join(f'{key}="{value}"' for key, value in attributes.items())
    return f"<image {written}>{''.join(shapes)}</image>"


def cvat(*images: str, meta: str | None = None) -> str:
    meta = cvat_meta(["dog", "cat"]) if meta is None else meta
    content = f"<annotations><version>1.1</version>{meta}{''.join(images)}</annotations>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n{content}'


def cvat_shape(kind: str, label: str = "cat", **attributes: object) -> str:
    written = {"label": label, "source": "manual", "occluded": "0", "z_order": "0"} | attributes
    tag = " ".join([kind, *(f'{key}="{value}"' for key, value in written.items())])
    return f'<{tag}><attribute name="name">Rex</attribute></{kind}>'


def cvat_box(left: float, top: float, right: float, bottom: float, label: str = "cat", **more: object) -> str:
    return cvat_shape("box", label, xtl=left, ytl=top, xbr=right, ybr=bottom, **more)


POLYGON = cvat_shape("polygon", points="10.00,5.00;30.00,5.00;30.00,15.00;10.00,15.00")
MASK = cvat_shape("mask", rle="0, 3, 2, 1", left=4, top=2, width=3, height=2)


def one_cvat(*shapes: str) -> Files:
    return {"images/a.jpg": photo(), "annotations.xml": cvat(cvat_image("a.jpg", *shapes))}


@pytest.mark.parametrize(
    ("written", "area"),
    [
        (POLYGON, 200),
        (cvat_box(10, 5, 30, 15), 200),
        (cvat_box(30, 15, 10, 5), 200),
        (cvat_shape("ellipse", cx="25.00", cy="20.00", rx="12.00", ry="6.00"), 226),
        (cvat_shape("ellipse", cx="25.00", cy="20.00", rx="12.00", ry="6.00", rotation="90.00"), 226),
        (MASK, 4),
    ],
)
def test_shapes_of_cvat_have_their_pixels(folder: Path, written: str, area: int) -> None:
    converted = Converted(one_cvat(written))
    assert converted.source.format == "cvat" and converted.source.classes.names == ["background", "dog", "cat"]
    assert converted.pixels["cat"] == pytest.approx(area, abs=8 if "ellipse" in written else 0)


def test_a_mask_of_cvat_runs_along_the_rows_of_its_box(folder: Path) -> None:
    mask = only_mask(Converted(one_cvat(MASK)))
    assert [tuple(place) for place in np.argwhere(mask).tolist()] == [(2, 4), (2, 5), (2, 6), (3, 6)]


def test_cvat_turns_boxes_and_ellipses_clockwise_about_their_centres(folder: Path) -> None:
    mask = only_mask(Converted(one_cvat(cvat_box(15, 18, 35, 22, rotation="30.00"))))
    assert mask[24, 32] and mask[15, 17] and not mask[15, 32] and not mask[24, 17]
    mask = only_mask(Converted(one_cvat(cvat_shape("ellipse", cx=25, cy=20, rx=14, ry=3, rotation=30))))
    assert mask[25, 34] and mask[14, 15] and not mask[14, 34] and not mask[25, 15]
    quarter = only_mask(Converted(one_cvat(cvat_box(15, 18, 35, 22, rotation="90.00"))))
    assert quarter[10:30, 23:27].all() and quarter.astype(bool).sum() == 80


def test_cvat_draws_by_z_order_and_then_by_the_file(folder: Path) -> None:
    low, high = cvat_box(10, 5, 30, 15, "dog", z_order="2"), cvat_box(10, 5, 30, 15, "cat", z_order="-1")
    assert Converted(one_cvat(low, high)).pixels == {"dog": 200, "cat": 0}
    assert Converted(one_cvat(cvat_box(10, 5, 30, 15, "dog"), POLYGON)).pixels == {"dog": 0, "cat": 200}


@pytest.mark.parametrize("owner", ["job", "task", "project"])
def test_labels_of_cvat_keep_their_order_and_points_of_skeletons_are_none(folder: Path, owner: str) -> None:
    point = "<label><name>nose</name><type>points</type><attributes></attributes><parent>body</parent></label>"
    meta = cvat_meta(["zebra", "cat", "ant"], owner, point)
    converted = Converted({"a.jpg": photo(), "annotations.xml": cvat(cvat_image("a.jpg", POLYGON), meta=meta)})
    assert converted.source.classes.names == ["background", "zebra", "cat", "ant"]


def test_subsets_of_a_cvat_project_are_splits(folder: Path) -> None:
    images = [cvat_image("f/1.jpg", POLYGON, subset=one, task_id="3") for one in ("Train", "Validation", "Test")]
    files: Files = {f"images/{one}/f/1.jpg": photo(seed=len(one)) for one in ("Train", "Validation", "Test")}
    converted = Converted({**files, "annotations.xml": cvat(*images, meta=cvat_meta(["cat"], "project"))})
    assert {(pair.split, pair.image.name) for pair in converted.source.pairs} == {
        ("train", "images/Train/f/1.jpg"),
        ("validation", "images/Validation/f/1.jpg"),
        ("test", "images/Test/f/1.jpg"),
    }


def test_subsets_of_other_names_tell_equal_image_names_apart(folder: Path) -> None:
    images = [cvat_image("1.jpg", cvat_box(10, 5, 30, 15, label), subset=label) for label in ("dog", "cat")]
    files: Files = {f"images/{one}/1.jpg": photo(seed=len(one) + n) for n, one in enumerate(("dog", "cat"))}
    converted = Converted({**files, "annotations.xml": cvat(*images)})
    assert {name: int(mask.max()) for name, mask in converted.masks.items()} == {"dog_1": 1, "cat_1": 2}
    alone = Converted({"1.jpg": photo(), "annotations.xml": cvat(images[0])})  # exported without images
    assert alone.pixels == {"dog": 200, "cat": 0}


def test_several_cvat_files_and_the_frames_of_a_video(folder: Path) -> None:
    files: Files = {
        "one/images/frame_000000.PNG": png_bytes(np.zeros((HEIGHT, WIDTH, 3), np.uint8)),
        "one/annotations.xml": cvat(cvat_image("frame_000000", POLYGON)),
        "two/images/frame_000000.PNG": png_bytes(np.ones((HEIGHT, WIDTH, 3), np.uint8)),
        "two/annotations.xml": cvat(cvat_image("frame_000000")),
    }
    assert Converted(files).pixels == {"dog": 0, "cat": 200}


def test_shapes_of_a_cvat_group_are_one_object(folder: Path) -> None:
    grouped = [cvat_box(2 * n, 2, 2 * n + 1, 3, group_id=str(n // 2)) for n in range(6)]
    assert count_objects(one_cvat(*grouped)) == 4, "group 0 is none"


def count_objects(files: Files) -> int:
    """Return the number of objects in the one image of the files."""
    converted = Converted(files)
    [pair] = converted.source.pairs
    ids = converted.source.classes.ids
    drawing = load_format(converted.source.format).draw(pair, ids, (WIDTH, HEIGHT), pytest.fail, with_objects=True)
    assert drawing.objects is not None
    return len(np.unique(drawing.objects)) - 1


def test_cvat_shapes_without_an_area_are_refused_by_name(folder: Path) -> None:
    for kind, reason in {
        "polyline": "is a polyline, which has no area",
        "points": "is key points",
        "skeleton": "is a skeleton",
        "cuboid": "is a cuboid",
        "tag": "is a tag of the whole image",
        "spline": "unknown shape 'spline'",
    }.items():
        files = one_cvat(POLYGON, cvat_shape(kind, points="1,1;2,2"))
        message = refusal(files)
        assert f"annotations.xml: 'a.jpg': {kind} 2, a 'cat'" in message, message
        assert reason in message and "skip_bad" in message
        assert Converted(files, skip_bad=True).pixels["cat"] == 200


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (cvat_shape("polygon", points="1,1;2,2"), "fewer than three points"),
        (cvat_shape("polygon", points="1,1;2,x;3,4"), "no pairs of numbers"),
        (cvat_shape("polygon"), "no pairs of numbers"),
        (cvat_box(1, 1, float("nan"), 4), "no pairs of numbers"),
        (cvat_box(1, 1, 3, 4, rotation="left"), "its rotation has points that are no"),
        (cvat_box(1, 1, 3, 4, z_order="1.5"), "z_order = '1.5'"),
        (cvat_box(1, 1, 3, 4, "emu"), "unknown class 'emu'"),
        (cvat_box(1, 1, 3, 4, ""), "has no label"),
        (cvat_shape("mask", rle="0, 3", left=4, top=2, width=3, height=2), "of 3 pixels, not of 3×2"),
        (cvat_shape("mask", rle="0, x", left=4, top=2, width=3, height=2), "no list of run lengths"),
        (cvat_shape("mask", rle="0, 6", left=4, top="", width=3, height=2), "top = ''"),
        (cvat_shape("mask", rle="1", left=4, top=2, width=99999, height=99999), "too many"),
    ],
)
def test_damaged_cvat_shapes_are_refused(folder: Path, written: str, reason: str) -> None:
    assert reason in refusal(one_cvat(written))
    assert Converted(one_cvat(POLYGON, written), skip_bad=True).pixels["cat"] == 200


def test_cvat_for_video_damaged_files_and_entities_are_refused(folder: Path) -> None:
    track = '<track id="0" label="cat" source="manual"><box frame="0" xtl="1" ytl="1" xbr="9" ybr="9"/></track>'
    assert 'export "CVAT for images 1.1"' in refusal({"a.jpg": photo(), "annotations.xml": cvat(track)})
    bomb = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]>' + cvat(cvat_image("a.jpg", POLYGON)).split("\n")[1]
    assert "declares XML entities" in refusal({"a.jpg": photo(), "annotations.xml": bomb})
    whole = cvat(cvat_image("a.jpg", POLYGON))
    assert "is not XML" in refusal({"a.jpg": photo(), "annotations.xml": whole[:-30]})


def test_cvat_states_the_size_of_the_image(folder: Path) -> None:
    files = {"a.jpg": photo(size=(30, 60)), "annotations.xml": cvat(cvat_image("a.jpg", POLYGON))}
    assert f"drawn on {WIDTH}×{HEIGHT} pixels, but its image has 60×30" in refusal(files)


# Datumaro


def datumaro(*items: dict, names: tuple[str, ...] = ("dog", "cat")) -> str:
    labels = [{"name": name, "parent": "", "attributes": []} for name in names]
    return json.dumps(
        {
            "dm_format_version": "1.0",
            "media_type": 2,
            "infos": {},
            "categories": {"label": {"labels": labels, "label_groups": [], "attributes": ["occluded"]}},
            "items": list(items),
        }
    )


def item(name: str, *annotations: dict) -> dict:
    written = [
        {"id": n, "attributes": {}, "group": 0, "label_id": 1, "z_order": 0} | a for n, a in enumerate(annotations)
    ]
    return {"id": name, "annotations": written, "image": {"path": f"{name}.jpg", "size": [HEIGHT, WIDTH]}, "attr": {}}


FLAT = [float(number) for point in BOX for number in point]


def one_datumaro(*annotations: dict) -> Files:
    return {"images/train/a.jpg": photo(), "annotations/train.json": datumaro(item("a", *annotations))}


@pytest.mark.parametrize(
    ("annotation", "area"),
    [
        ({"type": "polygon", "points": FLAT}, 200),
        ({"type": "mask", "rle": rle(region(3, 4, 9, 20))}, 96),
        ({"type": "ellipse", "points": [13.0, 14.0, 37.0, 26.0]}, 226),
    ],
)
def test_shapes_of_datumaro_have_their_pixels(folder: Path, annotation: dict, area: int) -> None:
    converted = Converted(one_datumaro(annotation))
    assert converted.source.format == "datumaro" and converted.source.pairs[0].split == "train"
    assert converted.source.classes.names == ["background", "dog", "cat"]
    assert converted.pixels["cat"] == pytest.approx(area, abs=8 if annotation["type"] == "ellipse" else 0)


def test_datumaro_draws_by_z_order_and_groups_are_objects(folder: Path) -> None:
    below = {"type": "polygon", "points": FLAT, "z_order": -1}
    assert Converted(one_datumaro({"type": "polygon", "points": FLAT, "label_id": 0}, below)).pixels == {
        "dog": 200,
        "cat": 0,
    }
    parts = [
        {"type": "mask", "rle": rle(region(3 * n, 0, 3 * n + 2, 2)), "group": group}
        for n, group in enumerate([0, 0, 5, 5])
    ]
    assert count_objects(one_datumaro(*parts)) == 3


def test_boxes_and_key_points_of_datumaro_that_belong_to_a_shape_are_not_needed(folder: Path) -> None:
    box, points = {"type": "bbox", "bbox": [1.0, 2.0, 3.0, 4.0]}, {"type": "points", "points": FLAT}
    polygon = {"type": "polygon", "points": FLAT}
    assert Converted(one_datumaro(*({**one, "group": 4} for one in (box, polygon, points)))).pixels["cat"] == 200
    assert "is a box" in refusal(one_datumaro({**polygon, "group": 4}, {**box, "group": 5}))
    assert "is a box" in refusal(one_datumaro(polygon, box)), "group 0 is none"


def test_subsets_of_datumaro_with_equal_image_names(folder: Path) -> None:
    files: Files = {f"images/{one}/a.jpg": photo(seed=len(one)) for one in ("left", "right")}
    for one, label in (("left", 0), ("right", 1)):
        files[f"annotations/{one}.json"] = datumaro(item("a", {"type": "polygon", "points": FLAT, "label_id": label}))
    converted = Converted(files)
    assert {name: int(mask.max()) for name, mask in converted.masks.items()} == {"left_a": 1, "right_a": 2}


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ({"type": "bbox", "bbox": [1.0, 2.0, 3.0, 4.0]}, "is a box without a shape"),
        ({"type": "polyline", "points": FLAT}, "is a polyline"),
        ({"type": "points", "points": FLAT, "visibility": [2, 2, 2, 2]}, "is key points"),
        ({"type": "label"}, "is a label of the whole image"),
        ({"type": "caption", "caption": "a cat"}, "is a caption"),
        ({"type": "cuboid_2d", "points": []}, "is a cuboid"),
        ({"type": "blob\n"}, "unknown type 'blob\\n'"),
        ({"type": "polygon", "points": FLAT[:4]}, "fewer than three points"),
        ({"type": "polygon", "points": None}, "no pairs of numbers"),
        ({"type": "ellipse", "points": FLAT}, "needs 2"),
        ({"type": "polygon", "points": FLAT, "label_id": 9}, "unknown label_id 9"),
        ({"type": "polygon", "points": FLAT, "z_order": "top"}, "z_order = 'top'"),
        ({"type": "mask", "rle": {"counts": "zzz", "size": [HEIGHT, WIDTH]}}, "RLE"),
    ],
)
def test_other_annotations_of_datumaro_are_refused(folder: Path, annotation: dict, reason: str) -> None:
    good = {"type": "polygon", "points": FLAT}
    message = refusal(one_datumaro(good, annotation))
    assert "annotations/train.json: 'a.jpg': annotations[1]" in message and reason in message
    assert Converted(one_datumaro(good, annotation), skip_bad=True).pixels["cat"] == 200


def test_a_video_of_datumaro_is_refused(folder: Path) -> None:
    video = {"id": "v", "annotations": [], "video_frame": {"video_path": "v.mp4", "frame_index": 3}}
    assert "is a video_frame" in refusal({"a.jpg": photo(), "annotations/train.json": datumaro(video)})


# ISAT


def isat(name: str, *objects: dict) -> str:
    info = {"description": "ISAT", "folder": "/home/me/images", "name": name, "width": WIDTH, "height": HEIGHT}
    return json.dumps({"info": {**info, "depth": 3, "note": ""}, "objects": list(objects)}, ensure_ascii=False)


def isat_object(category: str, points: list, layer: float = 1.0, group: object = 1, **more: object) -> dict:
    common = {"area": 200.0, "bbox": [0, 0, 1, 1], "iscrowd": False, "note": ""}
    return {"category": category, "group": group, "segmentation": points, "layer": layer, **common, **more}


def one_isat(*objects: dict) -> Files:
    return {"照片.jpg": photo(), "照片.json": isat("照片.jpg", *objects)}


def test_isat_draws_by_layer_with_whole_numbers_as_centres_of_pixels(folder: Path) -> None:
    inner = [[15, 8], [20, 8], [20, 12], [15, 12]]
    converted = Converted(one_isat(isat_object("dog", inner, 2.0), isat_object("cat", BOX, 1.0)))
    assert converted.source.format == "isat"
    assert converted.pixels == {"cat": 21 * 11 - 30, "dog": 6 * 5}
    covered = Converted(one_isat(isat_object("dog", inner, 1.0), isat_object("cat", BOX, 2.0)))
    assert covered.pixels == {"cat": 231, "dog": 0}
    fractions = [[10.9, 5.9], [30.9, 5.1], [30.1, 15.9], [10.2, 15.2]]  # which ISAT cuts off
    assert Converted(one_isat(isat_object("cat", fractions))).pixels == {"cat": 231}


def test_background_of_isat_cuts_into_the_objects_below(folder: Path) -> None:
    hole = [[15, 8], [20, 8], [20, 12], [15, 12]]
    assert Converted(one_isat(isat_object("cat", BOX), isat_object("__background__", hole, 2.0))).pixels == {
        "cat": 231 - 30
    }


def test_classes_of_isat_are_those_of_isat_yaml_and_all_others(folder: Path) -> None:
    listed = "label:\n- color: '#000000'\n  name: __background__\n- color: '#ef2929'\n  name: zebra\n- {name: cat}\n"
    converted = Converted({**one_isat(isat_object("emu", BOX), isat_object("cat", BOX, 2.0)), "isat.yaml": listed})
    assert converted.source.classes.names == ["background", "zebra", "cat", "emu"]
    for damaged in ("label: [", "- 3", "label: 3", "label:\n- {colour: red}", "\x00"):
        assert "isat.yaml" in refusal({**one_isat(isat_object("cat", BOX)), "isat.yaml": damaged})


def test_polygons_of_an_isat_group_are_one_object(folder: Path) -> None:
    squares = [[[6 * n, 2], [6 * n + 2, 2], [6 * n + 2, 4], [6 * n, 4]] for n in range(6)]
    objects = [isat_object("cat", one, group=group) for one, group in zip(squares, [1, 1, 2, 0, 0, ""], strict=True)]
    assert count_objects(one_isat(*objects)) == 5, "0 and no text are no groups"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (isat_object("cat", BOX[:2]), "fewer than three points"),
        (isat_object("cat", [[1, 2], [3]]), "no pairs of numbers"),
        (isat_object("", BOX), "has no category"),
        (isat_object("cat", BOX, layer="top"), "layer = 'top'"),
    ],
)
def test_damaged_objects_of_isat_are_refused(folder: Path, bad: dict, reason: str) -> None:
    message = refusal(one_isat(isat_object("cat", BOX), bad))
    assert "照片.json: objects[1]" in message and reason in message
    assert Converted(one_isat(isat_object("cat", BOX), bad), skip_bad=True).pixels == {"cat": 231}


def test_centres_on_edges_are_inside() -> None:
    """A diamond's edges go through centres of pixels. Lines along an axis and points on one another are edges too."""
    diamond = ring([(5, 0), (10, 5), (5, 10), (0, 5)])
    found = find_pixels(Polygon((diamond,)), (20, 20), Convention.CENTRES, "a")
    y, x = np.nonzero(found.pixels)
    assert len(x) == 61 and (abs(x + found.left - 5) + abs(y + found.top - 5) <= 5).all()
    flat = find_pixels(Polygon((ring([(2, 3), (2, 3), (7, 3)]),)), (20, 20), Convention.CENTRES, "a")
    assert flat.pixels.sum() == 6
    far = find_pixels(Polygon((ring([(-99_999, 3), (99_999, 3), (99_999, 4)]),)), (20, 20), Convention.CENTRES, "a")
    assert far.pixels[3 - far.top].all()


# V7 Darwin


def xy(points: list) -> list[dict]:
    return [{"x": x, "y": y} for x, y in points]


def darwin(*annotations: dict, name: str = "a.jpg", folder: str = "/", source: str = "a.jpg", **slot: object) -> str:
    slots = [
        {
            "type": "image",
            "slot_name": "0",
            "width": WIDTH,
            "height": HEIGHT,
            "thumbnail_url": "https://darwin.v7labs.com/t",
            "source_files": [{"file_name": source, "url": "https://darwin.v7labs.com/u"}],
            **slot,
        }
    ]
    dataset = {"name": "yard", "slug": "yard"}
    written = [{"id": f"id-{n}", "slot_names": ["0"], "properties": []} | a for n, a in enumerate(annotations)]
    return json.dumps(
        {
            "version": "2.0",
            "schema_ref": "https://darwin-public.s3.eu-west-1.amazonaws.com/darwin_json/2.0/schema.json",
            "item": {"name": name, "path": folder, "source_info": {"dataset": dataset}, "slots": slots},
            "annotations": written,
        }
    )


def darwin_1(*annotations: dict) -> str:
    image = {"width": WIDTH, "height": HEIGHT, "filename": "0001.jpg", "original_filename": "a.jpg", "path": "/"}
    return json.dumps({"dataset": "yard", "image": image, "annotations": list(annotations)})


def paths(*some: list, name: str = "cat") -> dict:
    return {
        "name": name,
        "polygon": {"paths": [xy(one) for one in some]},
        "bounding_box": {"x": 1, "y": 1, "w": 2, "h": 2},
    }


HOLE = [[15, 8], [20, 8], [20, 12], [15, 12]]


def one_darwin(*annotations: dict) -> Files:
    return {"images/a.jpg": photo(), "annotations/a.json": darwin(*annotations)}


@pytest.mark.parametrize(
    ("content", "area"),
    [
        (darwin(paths(BOX)), 231),
        (darwin(paths([[x + 0.4, y - 0.4] for x, y in BOX])), 231),
        (darwin(paths(BOX, HOLE)), 231 - 12),
        (darwin_1({"name": "cat", "polygon": {"path": xy(BOX)}}), 231),
        (darwin_1({"name": "cat", "polygon": {"path": xy(BOX), "additional_paths": [xy(HOLE)]}}), 231 - 12),
        (darwin_1({"name": "cat", "complex_polygon": {"path": [xy(BOX), xy(HOLE)]}}), 231 - 12),
    ],
)
def test_polygons_of_darwin_with_holes(folder: Path, content: str, area: int) -> None:
    converted = Converted({"images/a.jpg": photo(), "annotations/a.json": content})
    assert converted.source.format == "darwin" and converted.pixels == {"cat": area}


def test_an_island_in_a_hole_of_darwin_is_inside(folder: Path) -> None:
    outer, middle, inner = [[[n, n], [40 - n, n], [40 - n, 39 - n], [n, 39 - n]] for n in (2, 8, 14)]
    mask = only_mask(Converted(one_darwin(paths(outer, middle, inner))))
    assert mask[4, 20] and not mask[11, 20] and mask[20, 20]


def test_ellipses_of_darwin_are_turned_by_radians(folder: Path) -> None:
    ellipse = {"center": {"x": 25, "y": 20}, "radius": {"x": 14, "y": 3}, "angle": 0.5236}
    mask = only_mask(Converted(one_darwin({"name": "cat", "ellipse": ellipse})))
    assert mask[25, 34] and mask[14, 15] and not mask[14, 34] and not mask[25, 15]
    assert "no angle in radians" in refusal(one_darwin({"name": "cat", "ellipse": ellipse | {"angle": 30}}))


def raster(runs: list[int], numbers: dict[str, int]) -> dict:
    layer = {"dense_rle": runs, "mask_annotation_ids_mapping": numbers, "total_pixels": HEIGHT * WIDTH}
    return {"name": "__raster_layer__", "raster_layer": layer}


def test_raster_layers_of_darwin(folder: Path) -> None:
    masks = [{"name": "dog", "mask": {}}, {"name": "cat", "mask": {}}]
    layer = raster([2, 3, 1, 2, 0, 5, 2, 7, 0, HEIGHT * WIDTH - 17], {"id-0": 2, "id-1": 1})
    mask = only_mask(Converted(one_darwin(*masks, layer)))
    assert mask.ravel()[:18].tolist() == [2] * 3 + [1] * 2 + [0] * 5 + [2] * 7 + [0]
    empty = raster([0, HEIGHT * WIDTH], {"id-0": 2, "id-1": 1})
    assert Converted(one_darwin(*masks, empty)).pixels == {"cat": 0, "dog": 0}


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (raster([1, 3], {"id-1": 1}), f"of 3 pixels, not of {WIDTH}×{HEIGHT}"),
        (raster([9, HEIGHT * WIDTH], {"id-1": 1}), "its value 9 is of no mask"),
        (raster([1], {"id-1": 1}), "no list of values and run lengths"),
        (raster([1, HEIGHT * WIDTH], {"id-1": 0}), "does not number masks"),
        (raster([1, HEIGHT * WIDTH], {"id-7": 1}), "no raster layer that can be used has its mask 'id-1'"),
    ],
)
def test_damaged_raster_layers_of_darwin_are_refused(folder: Path, layer: dict, reason: str) -> None:
    files = one_darwin(paths(BOX), {"name": "cat", "mask": {}}, layer)
    assert reason in refusal(files)
    assert Converted(files, skip_bad=True).pixels == {"cat": 231}


def test_images_of_darwin_with_and_without_their_folders(folder: Path) -> None:
    content = darwin(paths(BOX), name="a.png", folder="/yard/one", source="IMG_1.jpg")
    for path in ("images/yard/one/a.jpg", "images/a.jpg", "a.jpg"):
        assert Converted({path: photo(), "annotations/a.json": content}).pixels == {"cat": 231}


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ({"name": "cat", "bounding_box": {"x": 1, "y": 1, "w": 5, "h": 5}}, "is a box without a shape"),
        ({"name": "cat", "tag": {}}, "is a tag of the whole image"),
        ({"name": "cat", "line": {"path": xy(BOX)}}, "is a line"),
        ({"name": "cat", "keypoint": {"x": 1, "y": 1}}, "is a key point"),
        ({"name": "cat", "skeleton": {"nodes": []}}, "is a skeleton"),
        ({"name": "cat", "cuboid": {}}, "is a cuboid"),
        ({"name": "cat", "frames": {}, "ranges": [[0, 9]]}, "is of a video"),
        ({"name": "cat"}, "has no shape"),
        ({"polygon": {"paths": [xy(BOX)]}}, "has no name of a class"),
        (paths(BOX, HOLE[:2]), "fewer than three points"),
        ({"name": "cat", "polygon": {"paths": [[{"x": 1}] * 4]}}, "no pairs of numbers"),
    ],
)
def test_other_annotations_of_darwin_are_refused(folder: Path, annotation: dict, reason: str) -> None:
    message = refusal(one_darwin(paths(BOX), annotation))
    assert "annotations/a.json: annotations[1]" in message and reason in message
    assert Converted(one_darwin(paths(BOX), annotation), skip_bad=True).pixels == {"cat": 231}


def test_videos_and_items_of_several_images_of_darwin_are_refused(folder: Path) -> None:
    files: Files = {"a.jpg": photo(), "a.json": darwin(paths(BOX), type="video")}
    assert "is of type 'video'" in refusal(files)
    content = json.loads(darwin(paths(BOX)))
    content["item"]["slots"] *= 2
    assert "has 2 slots" in refusal({"a.jpg": photo(), "a.json": json.dumps(content)})


# SA-1B


def sam(*annotations: dict, **image: object) -> str:
    written = [
        {"id": n, "bbox": [1, 1, 2, 2], "area": 4, "predicted_iou": 0.9, "stability_score": 0.98,
         "point_coords": [[1, 1]], "crop_box": [0, 0, WIDTH, HEIGHT]} | one
        for n, one in enumerate(annotations, 5)
    ]  # fmt: skip
    stated = {"image_id": 1, "width": WIDTH, "height": HEIGHT, "file_name": "sa_1.jpg"} | image
    return json.dumps({"image": stated, "annotations": written})


def test_masks_of_sam_are_objects_of_one_class(folder: Path) -> None:
    masks = [{"segmentation": rle(region(3, 4, 9, 20))}, {"segmentation": rle(region(0, 0, 40, 30))}]
    files: Files = {"sa_1.jpg": photo(), "sa_1.json": sam(*masks)}
    converted = Converted(files)
    assert converted.source.format == "sam" and converted.pixels == {"object": 1200}
    assert count_objects(files) == 2, "the smaller object lies over the larger one, although it comes first"


def test_damaged_masks_of_sam_are_refused(folder: Path) -> None:
    good = {"segmentation": rle(region(3, 4, 9, 20))}
    for bad in ({"size": [2, 2], "counts": "04"}, {"size": [HEIGHT, WIDTH], "counts": "~~"}, [], None):
        files: Files = {"sa_1.jpg": photo(), "sa_1.json": sam(good, {"segmentation": bad})}
        message = refusal(files)
        assert "sa_1.json: annotation 6" in message, message
        assert Converted(files, skip_bad=True).pixels == {"object": 96}


# LabelMe and X-AnyLabeling


def one_labelme(*shapes: dict, **more: object) -> Files:
    return {"a.jpg": photo(), "a.json": labelme("a.jpg", list(shapes), WIDTH, HEIGHT, **more)}


X_ANYLABELING = {
    "score": None, "description": None, "difficult": False, "flags": None, "attributes": {}, "kie_linking": [],
}  # fmt: skip


def test_shapes_of_x_anylabeling(folder: Path) -> None:
    shapes = [
        shape("sign", [[10, 5], [30, 5], [28, 15], [12, 15]], "quadrilateral", **X_ANYLABELING),
        shape("sign", [[2, 20], [8, 20], [8, 30], [2, 30]], "rectangle", **X_ANYLABELING),
        shape("sign", [[20, 20], [30, 25], [25, 35], [15, 30]], "rotation", direction=0.46, **X_ANYLABELING),
    ]
    more = {"version": "4.0.0", "checked": True, "tags": [], "description": "", "flags": {}}
    assert Converted(one_labelme(*shapes, **more)).pixels["sign"] == pytest.approx(210 + 77 + 145, abs=12)
    unset = labelme("a.jpg", shapes[1:2], -1, -1)
    assert Converted({"a.jpg": photo(), "a.json": unset}).pixels == {"sign": 77}


def test_shapes_of_labelme_without_an_area_are_refused_by_name(folder: Path) -> None:
    for kind, reason in {"cuboid": "is a cuboid", "points": "is key points", "ai_points": "unknown shape"}.items():
        message = refusal(one_labelme(shape("box", [[2, 2]] * 8, kind)))
        assert "shapes[0], a box" in message and reason in message


def test_a_mask_of_labelme_that_does_not_fit_its_box_is_refused(folder: Path) -> None:
    """Such as a mask of the whole photo beside the object's box. Drawn from the box's corner it would be shifted."""
    png = base64.b64encode(png_bytes(np.full((6, 8), 255, np.uint8))).decode()
    for last, area in (([17, 10], 48), ([18, 11], 48), ([17.6, 10.2], 48)):
        assert Converted(one_labelme(shape("cat", [[10, 5], last], "mask", mask=png))).pixels == {"cat": area}
    assert "8×6 pixels and does not fit its box" in refusal(
        one_labelme(shape("cat", [[10, 5], [15, 8]], "mask", mask=png))
    )


# All of them


def replace_one(content: object, place: int, value: object) -> object:
    """Return JSON content with `value` in the place of one of its values, counted in depth."""
    left = [place]

    def walk(one: object) -> object:
        left[0] -= 1
        if left[0] == -1:
            return value
        if isinstance(one, dict):
            return {key: walk(inner) for key, inner in one.items()}
        return [walk(inner) for inner in one] if isinstance(one, list) else one

    return walk(content)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 2**70) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "path", "name"]), inner),
    max_leaves=5,
)
EXAMPLES: dict[str, Callable[[], str]] = {
    "datumaro": lambda: datumaro(
        item("a", {"type": "polygon", "points": FLAT, "group": 1}, {"type": "mask", "rle": rle(region(3, 4, 9, 20))},
             {"type": "ellipse", "points": [1, 2, 3, 4]}),
    ),
    "isat": lambda: isat("a.jpg", isat_object("cat", BOX), isat_object("dog", HOLE, 2.0)),
    "darwin": lambda: darwin(
        paths(BOX, HOLE), {"name": "cat", "mask": {}}, raster([1, 5, 0, HEIGHT * WIDTH - 5], {"id-1": 1}),
        {"name": "cat", "ellipse": {"center": {"x": 9, "y": 9}, "radius": {"x": 4, "y": 3}, "angle": 0.2}},
    ),
    "sam": lambda: sam({"segmentation": rle(region(3, 4, 9, 20))}, file_name="a.jpg"),
    "labelme": lambda: labelme(
        "a.jpg", [shape("cat", BOX), shape("cat", BOX, "quadrilateral", group_id=1)], WIDTH, HEIGHT
    ),
}  # fmt: skip


def assert_mask_or_one_line(files: Files, name: str) -> None:
    """Read and draw the files; an error must have one line."""
    members = {}
    for number, (path, content) in enumerate(files.items()):
        Path(f"{number}.bin").write_bytes(content if isinstance(content, bytes) else content.encode())
        members[path] = Member("own.zip", path, f"{number}.bin", 0, Path(f"{number}.bin").stat().st_size)
    lines: list[str] = []
    try:
        source = read_source(AnnotationParameters(format=name, skip_bad=True), members, "own", "own.zip")
        lines += source.refused
        for pair in source.pairs:
            drawing = load_format(name).draw(pair, source.classes.ids, (WIDTH, HEIGHT), lines.append, True)
            assert drawing.mask.shape == (HEIGHT, WIDTH)
    except UserError as error:
        lines.append(str(error))
    assert not any("\n" in line for line in lines), lines


@pytest.mark.parametrize("name", EXAMPLES)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_json_ends_in_a_traceback(folder: Path, name: str, data: st.DataObject) -> None:
    content = json.loads(EXAMPLES[name]())
    for _ in range(data.draw(st.integers(1, 2))):
        content = replace_one(content, data.draw(st.integers(0, 90)), data.draw(json_values))
    assert_mask_or_one_line({"a.jpg": b"", "a.json": json.dumps(content)}, name)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["polygon", "box", "ellipse", "mask", "image", "tag"]),
    attributes=st.dictionaries(
        st.sampled_from(
            [
                *("label", "points", "xtl", "ytl", "xbr", "ybr", "cx", "cy", "rx", "ry", "rotation", "rle", "left"),
                *("top", "width", "height", "z_order", "group_id"),
            ]
        ),
        st.sampled_from(["", "-1", "0", "3", "1e9", "nan", "1,2;3,4;5,6", "1, 2", "cat", "999999", "&#10;", "٣"]),
    ),
    image=st.dictionaries(
        st.sampled_from(["name", "width", "height", "subset"]), st.sampled_from(["", "7", "&#10;", "a.jpg"])
    ),
)
def test_no_cvat_shape_ends_in_a_traceback(folder: Path, kind: str, attributes: dict, image: dict) -> None:
    full = {"points": "1,1;9,1;9,9", "xtl": 1, "ytl": 1, "xbr": 9, "ybr": 9, "cx": 5, "cy": 5, "rx": 3, "ry": 2}
    full |= {"rle": "1, 3", "left": 1, "top": 1, "width": 2, "height": 2} | attributes
    written = cvat_image(image.pop("name", "a.jpg"), cvat_shape(kind, **full), **image)
    assert_mask_or_one_line({"a.jpg": b"", "annotations.xml": cvat(written)}, "cvat")


def test_each_file_is_accepted_by_its_own_format_alone(folder: Path) -> None:
    examples = {**{name: (make(), ".json") for name, make in EXAMPLES.items()}, "cvat": (cvat(cvat_image("a")), ".xml")}
    examples["darwin 1.0"] = darwin_1(paths(BOX)), ".json"
    for name, (content, suffix) in examples.items():
        Path("one.bin").write_text(content, encoding="utf-8")
        file = AnnotationFile(Member("own.zip", f"a{suffix}", "one.bin", 0, Path("one.bin").stat().st_size))
        shape_formats = [one for one in load_formats() if isinstance(one, ShapeFormat) and suffix in one.SUFFIXES]
        assert [one.name for one in shape_formats if one.accepts(file)] == [name.split()[0]]
