"""Exports of Label Studio and Supervisely in which one region is written several times, or in an older form."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import png_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from test_ordinary_annotations import HEIGHT, WIDTH, Converted, photo, refusal
from test_tool_exports import (
    LS_POLYGON,
    LS_RECT,
    OFF,
    SLY_HOLE,
    SLY_POLYGON,
    Files,
    assert_mask_or_one_line,
    bitmap,
    label_studio,
    places_in,
    result,
    task,
    values,
    with_value,
)

from darkroom.annotations.formats._base import load_format

LEFT = {**LS_RECT, "x": 0, "width": 20}  # 10×10 pixels that touch LS_RECT's
SIZE = {"original_width": WIDTH, "original_height": HEIGHT}
ROW = {
    "id": 5, "image": "a.jpg", "annotator": 1, "annotation_id": 7, "lead_time": 2.5, "created_at": "",
    "updated_at": "",
}  # fmt: skip


def count_objects(done: Converted) -> int:
    def refuse(message: str) -> None:
        raise AssertionError(message)

    [pair] = done.source.pairs
    drawing = load_format(done.source.format).draw(pair, done.source.classes.ids, (WIDTH, HEIGHT), refuse, True)
    assert drawing.objects is not None and drawing.shapes is not None
    assert drawing.objects.max() == len(drawing.shapes)
    return len(drawing.shapes)


# Label Studio


def test_a_region_that_label_studio_writes_for_each_control_is_one_object(folder: Path) -> None:
    both = [result("rectangle", LS_RECT), result("labels", {**LS_RECT, "labels": ["Crack"]})]
    size = result("choices", {**LS_RECT, "choices": ["small"]}, from_name="size")
    other = [result("rectangle", LEFT, id="r2"), result("labels", {**LEFT, "labels": ["Crack"]}, id="r2")]
    assert count_objects(Converted(label_studio([task([*both, size])]))) == 1
    done = Converted(label_studio([task([*both, size, *other])]))
    assert count_objects(done) == 2 and done.pixels == {"Crack": 300}


def minimal(**regions: list[dict]) -> Files:
    """A JSON-MIN export: the regions by control."""
    return label_studio([ROW | {name: [{**one, **SIZE} for one in ones] for name, ones in regions.items()}])


def test_a_region_of_json_min_has_the_label_that_another_control_gave_it(folder: Path) -> None:
    labels = [{**LS_RECT, "labels": ["Crack"]}, {**LEFT, "labels": ["Rust"]}]
    for controls in ({"box": [LEFT, LS_RECT], "tag": labels}, {"tag": labels, "box": [LEFT, LS_RECT]}):
        done = Converted(minimal(**controls))
        assert count_objects(done) == 2 and done.pixels == {"Crack": 200, "Rust": 100}
    assert "result[0] has no label" in refusal(minimal(box=[LEFT], tag=[{**LS_RECT, "labels": ["Crack"]}]))


def test_json_min_does_not_say_which_of_two_controls_regions_lie_on_top(folder: Path) -> None:
    box, polygon = {**LS_RECT, "rectanglelabels": ["Crack"]}, {**LS_POLYGON, "polygonlabels": ["Rust"]}
    message = "regions of the controls 'box' and 'outline', and JSON-MIN does not say which lie on top; export JSON"
    assert message in refusal(minimal(box=[box], outline=[polygon]))
    same = minimal(box=[box], outline=[{**polygon, "polygonlabels": ["Crack"]}])
    assert Converted(same).pixels == {"Crack": 400}


def bitmask(pixels: np.ndarray, label: str = "Crack") -> dict:
    url = "data:image/png;base64," + base64.b64encode(png_bytes(pixels)).decode()
    return result("bitmasklabels", {"imageDataURL": url, "bitmasklabels": [label]})


def test_a_bitmask_of_another_size_or_without_transparency_is_refused(folder: Path) -> None:
    small = np.zeros((HEIGHT // 2, WIDTH, 4), np.uint8)
    small[5:15, 10:30, 3] = 255
    assert "its bitmask has 50×20 pixels, and its image 50×40" in refusal(label_studio([task([bitmask(small)])]))
    black_and_white = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    black_and_white[5:15, 10:30] = 255
    message = "its bitmask has no transparent pixels"
    assert message in refusal(label_studio([task([bitmask(black_and_white)])]))


def stored(results: list[dict], number: int = 7, **more: object) -> dict:
    """The file of a storage that Label Studio writes for an annotation."""
    annotation = task(results)["annotations"][0] | {"id": number, "completed_by": {"id": 1, "email": "a@b.c"}}
    return {**annotation, "task": {"id": 5, "data": {"image": "s3://pics/a.jpg"}, "project": 1}, **more}


def test_label_studio_annotations_of_a_storage_are_read(folder: Path) -> None:
    crack = result("rectanglelabels", {**LS_RECT, "rectanglelabels": ["Crack"]})
    files = {"pics/a.jpg": photo(), "target/7.json": json.dumps(stored([crack]))}
    done = Converted(files)
    assert done.source.format == "label_studio" and done.pixels == {"Crack": 200}
    again = {"target/8.json": json.dumps(stored([crack], 8))}
    assert "annotated twice, here and in target/7.json; keep one" in refusal(files | again)
    cancelled = {"target/8.json": json.dumps(stored([crack], 8, was_cancelled=True))}
    assert "target/8.json: task 5 has only cancelled annotations" in refusal(files | cancelled)
    assert Converted(files | cancelled, skip_bad=True).pixels == {"Crack": 200}


def test_the_name_of_the_image_beside_its_path_is_no_other_image(folder: Path) -> None:
    one = result("rectanglelabels", {**LS_RECT, "rectanglelabels": ["Crack"]})
    path = "/data/upload/3/1a2b3c4d-a.jpg"
    for name in ("a.jpg", "1a2b3c4d-a.jpg"):
        for data in ({"image": path, "file_name": name}, {"file_name": name, "image": path}):
            assert Converted(label_studio([task([one], data=data)])).pixels == {"Crack": 200}
    for name in ("depth/a.jpg", "b.jpg"):
        both = [task([one], data={"image": path, "other": name})]
        assert "task 5 names 2 images" in refusal(label_studio(both))


def test_a_label_studio_box_that_was_drawn_leftwards_and_upwards_is_the_same_box(folder: Path) -> None:
    turned = {**LS_RECT, "x": 60, "y": 37.5, "width": -40, "height": -25, "rectanglelabels": ["Crack"]}
    forward = {**LS_RECT, "rectanglelabels": ["Crack"]}
    masks = [Converted(label_studio([task([result("rectanglelabels", one)])])).masks["a"] for one in (turned, forward)]
    assert masks[0].sum() == 200 and (masks[0] == masks[1]).all()
    ellipse = {"x": 50, "y": 50, "radiusX": -30, "radiusY": 15, "rotation": 0, "ellipselabels": ["Crack"]}
    assert "has no extent" in refusal(label_studio([task([result("ellipselabels", ellipse)])]))


# Supervisely

OLD_CLASSES = {"stone": "polygon", "stain": "bitmap", "frame": "rectangle", "edge": "line", "any": "any"}


def old(title: str, points: list | None = None, mask: dict | None = None) -> dict:
    """An object of an old file: without a geometryType."""
    return {
        "description": "", "tags": [], "bitmap": mask, "classTitle": title,
        "points": {"exterior": points or [], "interior": []},
    }  # fmt: skip


def old_project(objects: list[dict], image: str = "a.jpg") -> Files:
    content = {"description": "", "tags": [], "size": {"height": HEIGHT, "width": WIDTH}, "objects": objects}
    classes = [{"title": title, "shape": shape, "color": "#FF0000"} for title, shape in OLD_CLASSES.items()]
    return {
        "p/meta.json": json.dumps({"classes": classes, "tags": []}), f"p/ds1/img/{image}": photo(),
        "p/ds1/ann/a.json": json.dumps(content),
    }  # fmt: skip


OLD = {
    "stone": (old("stone", SLY_POLYGON["exterior"]), 400),
    "hole": (old("stone") | {"points": {**SLY_POLYGON, "interior": [SLY_HOLE]}}, 400 - 36),
    "stain": (old("stain", mask={"data": bitmap(np.ones((10, 20))), "origin": [10, 5]}), 200),
    "frame": (old("frame", [[29, 5], [10, 14]]), 200),
    "edge": (old("edge", [[10, 5], [29, 5]]), 20),
}


@pytest.mark.parametrize("case", OLD)
@pytest.mark.parametrize("image", ["a.jpg", "a.PNG"])
def test_objects_of_old_supervisely_projects_have_the_shape_of_their_class(folder: Path, case: str, image: str) -> None:
    one, area = OLD[case]
    done = Converted(old_project([one], image))
    assert done.source.format == "supervisely" and sum(done.pixels.values()) == area
    assert done.pixels[one["classTitle"]] == area


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (old("any", SLY_POLYGON["exterior"]), "no geometryType, and its class has the shape 'any' in meta.json"),
        (old("stain", SLY_POLYGON["exterior"]), "no geometryType, and its class has the shape 'bitmap' in meta.json"),
        (old("dog", SLY_POLYGON["exterior"]), "objects[0], a dog has no geometryType, and its class has no shape"),
        (old("stone", [[1, 2]]), "a polygon has fewer than three points"),
        (old("edge", [[1, 2]]), "a line has fewer than two points"),
        (old("frame", SLY_POLYGON["exterior"]), "a box has 4 points and needs 2"),
        (old("stone") | {"points": None}, "is of the unknown kind None"),
    ],
)
def test_old_objects_that_do_not_fit_their_class_are_refused(folder: Path, one: dict, message: str) -> None:
    files = old_project([one, OLD["stone"][0]])
    assert message in refusal(files)
    done = Converted(files, skip_bad=True)
    assert done.pixels["stone"] == 400 and message in done.left_out[0]


def test_an_old_supervisely_file_is_about_one_image(folder: Path) -> None:
    files = old_project([OLD["stone"][0]])
    two = files | {"p/ds1/img/a.png": photo()}
    assert "a.json: may be about a.jpg or a.png; name it after its image" in refusal(two)
    none = {name: content for name, content in files.items() if "img" not in name}
    assert "its image '../img/a' is not in the archive" in refusal(none | {"a.jpg.txt": ""})
    assert "has no annotation ann/b.jpg.json" in refusal(files | {"p/ds1/img/b.jpg": photo()})


# Both

drawn = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
drawn[5:15, 10:30, 3] = 255
BOTH = [result("rectangle", LS_RECT), result("labels", {**LS_RECT, "labels": ["Crack"]})]


def label_studio_files(text: str) -> Files:
    return {"a.jpg": photo(), "v.json": text}


PROJECT = old_project([one for one, _ in OLD.values()])
SEEDS: dict[str, tuple[str, object, Callable[[str], Files]]] = {
    "storage": ("label_studio", stored([*BOTH, bitmask(drawn) | {"id": "r2"}]), label_studio_files),
    "json-min": (
        "label_studio", [ROW | {"box": [{**LS_RECT, **SIZE}], "tag": [{**LS_RECT, **SIZE, "labels": ["Crack"]}]}],
        label_studio_files),
    "old file": (
        "supervisely", json.loads(PROJECT["p/ds1/ann/a.json"]), lambda text: PROJECT | {"p/ds1/ann/a.json": text}),
    "old classes": ("supervisely", json.loads(PROJECT["p/meta.json"]), lambda text: PROJECT | {"p/meta.json": text}),
}  # fmt: skip


@pytest.mark.parametrize("case", SEEDS)
@settings(max_examples=250, **OFF)
@given(data=st.data())
def test_no_value_anywhere_ends_in_a_traceback(folder: Path, case: str, data: st.DataObject) -> None:
    name, content, files = SEEDS[case]
    for _ in range(data.draw(st.integers(1, 2))):
        content = with_value(content, data.draw(st.sampled_from(places_in(content))), data.draw(values))
    assert_mask_or_one_line(files(json.dumps(content)), name, skip_bad=data.draw(st.booleans()))
