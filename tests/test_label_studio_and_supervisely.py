"""Exports of Label Studio and Supervisely in which one region is written several times, or in an older form."""

import base64
import json
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
    Files,
    assert_mask_or_one_line,
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


drawn = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
drawn[5:15, 10:30, 3] = 255
BOTH = [result("rectangle", LS_RECT), result("labels", {**LS_RECT, "labels": ["Crack"]})]
SEEDS: dict[str, object] = {
    "storage": stored([*BOTH, bitmask(drawn) | {"id": "r2"}]),
    "json-min": [ROW | {"box": [{**LS_RECT, **SIZE}], "tag": [{**LS_RECT, **SIZE, "labels": ["Crack"]}]}],
}


@pytest.mark.parametrize("case", SEEDS)
@settings(max_examples=250, **OFF)
@given(data=st.data())
def test_no_value_anywhere_ends_in_a_traceback(folder: Path, case: str, data: st.DataObject) -> None:
    content = SEEDS[case]
    for _ in range(data.draw(st.integers(1, 2))):
        content = with_value(content, data.draw(st.sampled_from(places_in(content))), data.draw(values))
    files: Files = {"a.jpg": photo(), "v.json": json.dumps(content)}
    assert_mask_or_one_line(files, "label_studio", skip_bad=data.draw(st.booleans()))
