"""Exports of YOLO, VGG Image Annotator, Label Studio and Supervisely, as these tools write them."""

import base64
import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import noise, png_bytes
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from test_ordinary_annotations import HEIGHT, ORIENTATION, WIDTH, Converted, photo, refusal

from darkroom.annotations.formats.label_studio import read_brush
from darkroom.annotations.image_index import path_in_url
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.shapes import Convention, find_pixels
from darkroom.annotations.source import read_source
from darkroom.archives.member import Member
from darkroom.common.errors import UserError

Files = dict[str, bytes | str]
OFF = {"suppress_health_check": [HealthCheck.function_scoped_fixture], "deadline": None}


# YOLO

BOX = "0.2 0.25 0.6 0.25 0.6 0.75 0.2 0.75"  # 20×20 pixels of 50×40
YAML = "train: ../train/images\nval: ../valid/images\n\nnc: 2\nnames: ['crack', 'rust']\n"


def yolo(labels: dict[str, str | None], data: str | None = YAML) -> Files:
    """A data set in the layout of Ultralytics; an image without labels has no label file."""
    files: Files = {"data.yaml": data} if data is not None else {}
    for name, lines in labels.items():
        files[f"images/{name}.jpg"] = photo()
        if lines is not None:
            files[f"labels/{name}.txt"] = lines
    return files


def test_yolo_polygons_are_drawn_in_the_layouts_of_ultralytics_and_roboflow(folder: Path) -> None:
    lines = f"1 {BOX}\n0 0.2 0.25 0.4 0.25 0.4 0.5 0.2 0.5\n"
    done = Converted(yolo({"train/a": lines, "val/b": f"0 {BOX}\n"}))
    assert done.source.format == "yolo" and done.source.classes.names == ["background", "crack", "rust"]
    assert {pair.name: pair.split for pair in done.source.pairs} == {"a": "train", "b": "validation"}
    assert (done.masks["a"] == 1).sum() == 100 and (done.masks["a"] == 2).sum() == 300
    assert (done.masks["b"][10:30, 10:30] == 1).all() and (done.masks["b"] == 1).sum() == 400
    roboflow: Files = {"data.yaml": YAML, "README.dataset.txt": "# cracks\n", "README.roboflow.txt": "exported\n"}
    for split in ("train", "valid"):
        name = f"{split}_jpg.rf.0a1b"
        roboflow |= {f"{split}/images/{name}.jpg": photo(), f"{split}/labels/{name}.txt": f"1 {BOX}"}
        roboflow[f"{split}/labels.cache"] = b"\x93NUMPY"
    done = Converted(roboflow)
    assert done.pixels == {"crack": 0, "rust": 800}
    assert [pair.split for pair in done.source.pairs] == ["train", "validation"]


def test_smaller_yolo_objects_cover_larger_ones(folder: Path) -> None:
    done = Converted(yolo({"a": f"0 0.3 0.3 0.4 0.3 0.4 0.5 0.3 0.5\n1 {BOX}\n"}))
    assert done.pixels == {"crack": 5 * 8, "rust": 400 - 5 * 8}


def test_yolo_images_without_labels_are_background(folder: Path) -> None:
    done = Converted(yolo({"a": f"0 {BOX}", "b": "", "c": None, "d": "\n  \n"}))
    assert sorted(done.masks) == ["a", "b", "c", "d"]
    assert [int(done.masks[name].sum()) for name in "abcd"] == [400, 0, 0, 0]
    done = Converted(yolo({"a": f"0 {BOX}"}) | {"runs/segment/results.png": png_bytes(noise(4, 4))})
    assert sorted(done.masks) == ["a"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"data.yaml": "names:\n  0: zebra\n  1: ant\n"}, ["zebra", "ant"]),
        ({"my set.yml": "names: {1: ant, 0: zebra}\nnc: 2"}, ["zebra", "ant"]),
        ({"data.yaml": "nc: 2\ntrain: images\n"}, ["class_0", "class_1"]),
        ({"labels/classes.txt": "zebra\r\nant\r\n"}, ["zebra", "ant"]),
        ({"obj.names": "zebra\nant\n"}, ["zebra", "ant"]),
        ({"classes.txt": "斑马\n蚂蚁\n", "yolov8-seg.yaml": "nc: 80\nbackbone: []\n"}, ["斑马", "蚂蚁"]),
        ({}, ["class_0", "class_1"]),
    ],
)
def test_yolo_classes_are_in_the_order_of_their_list(folder: Path, names: Files, expected: list[str]) -> None:
    done = Converted(yolo({"a": f"1 {BOX}"}, None) | names)
    assert done.pixels == {expected[0]: 0, expected[1]: 400}


def test_yolo_classes_are_named_by_the_parameters_where_there_is_no_list(folder: Path) -> None:
    assert Converted(yolo({"a": f"1 {BOX}"}, None), classes=["crack", "rust"]).pixels == {"crack": 0, "rust": 400}


def test_splits_that_data_yaml_names_are_used(folder: Path) -> None:
    listed = {"train.txt": "./images/a.jpg\n", "later.txt": "/home/me/set/images/b.jpg\n"}
    labels = {"a": f"0 {BOX}", "b": f"0 {BOX}"}
    done = Converted(yolo(labels, "train: train.txt\nval: later.txt\nnames: [x, y]\n") | listed)
    assert {pair.name: pair.split for pair in done.source.pairs} == {"a": "train", "b": "validation"}
    labels = {"spring/a": f"0 {BOX}", "autumn/b": f"0 {BOX}"}
    done = Converted(yolo(labels, "train: images/spring\ntest: [/home/me/images/autumn]\nnames: [x, y]\n"))
    assert {pair.name: pair.split for pair in done.source.pairs} == {"a": "train", "b": "test"}
    done = Converted(yolo({"a": f"0 {BOX}"}, "train: images\nval: images\nnames: [x, y]\n"))
    assert done.source.pairs[0].split is None


def test_yolo_points_a_little_outside_are_clipped(folder: Path) -> None:
    done = Converted(yolo({"a": "0 -0.02 -0.02 1.02 -0.02 1.02 1.02 -0.02 1.02"}))
    assert done.pixels["crack"] == HEIGHT * WIDTH


def test_yolo_photos_are_upright(folder: Path) -> None:
    done = Converted(yolo({"a": "0 0 0 1 0 1 0.5 0 0.5"}) | {"images/a.jpg": photo(6)})
    assert done.masks["a"].shape == (WIDTH, HEIGHT) and done.masks["a"][: WIDTH // 2].all()
    assert ORIENTATION == 0x0112


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.2 0.2", "line 1 is a box without a shape; draw its shape, or leave it out by skip_bad"),
        ("0 0.5 0.5 0.2 0.2 0.93", "line 1 is a box without a shape"),
        (f"0 {BOX} 0.9", "line 1 has 9 coordinates, which are no pairs"),
        ("0 10 10 30 10 30 30", "line 1 has the coordinate 10, which is no fraction of the image"),
        (f"7 {BOX}", "line 1: unknown class 7"),
        (f"crack {BOX}", "is not YOLO's: each line needs a class id and numbers"),
        (f"0.5 {BOX}", "is not YOLO's"),
        (f"0 {BOX} nan 0.5", "is not YOLO's"),
        ("0 0.1 0.1", "is not YOLO's"),
    ],
)
def test_bad_yolo_lines_are_refused(folder: Path, line: str, message: str) -> None:
    files = yolo({"a": line, "b": f"1 {BOX}"})
    assert message in refusal(files, format="yolo")
    done = Converted(files, format="yolo", skip_bad=True)
    assert done.masks["b"].sum() == 800 and "a" not in {name for name, mask in done.masks.items() if mask.any()}
    assert len(done.left_out) == 1 and message in done.left_out[0]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"labels/b.txt": f"0 {BOX}"}, "labels/b.txt: its image is not in the archive"),
        ({"images/test/b.jpg": photo()}, "no image in images/test has a label file; add labels/NAME.txt"),
        ({"images/a.png": png_bytes(noise(HEIGHT, WIDTH))}, "has the name of images/a.jpg but for case or suffix"),
        ({"data.yaml": "nc: 3\nnames: [a, b]\n"}, "names 2 classes and has nc = 3"),
        ({"data.yaml": "names: [a, a]\n"}, "names 'a' twice"),
        ({"data.yaml": "names: [a, no]\n"}, "is not the id of a class with a name"),
        ({"data.yaml": "names: {a: 1}\n"}, "is not the id of a class with a name"),
        ({"data.yaml": "names: [a\n"}, "data.yaml: is not YAML"),
        ({"other.yaml": "names: [b, c]\n"}, "names other classes than data.yaml"),
        ({"data.yaml": "names: [a, b]\nkpt_shape: [17, 2]\n"}, "its labels are key points"),
    ],
)
def test_bad_yolo_sets_are_refused(folder: Path, files: Files, message: str) -> None:
    assert message in refusal(yolo({"a": f"0 {BOX}"}) | files)


numbers = st.floats(-0.2, 1.2).map(str) | st.sampled_from(["0", "1", "nan", "inf", "1e9", "x", "-1", "0.5", ""])
lines = st.lists(numbers, max_size=9).map(" ".join)


@settings(max_examples=200, **OFF)
@given(
    st.lists(lines, max_size=3).map("\n".join), st.sampled_from([YAML, "names: &a [*a]", "names: !!int ''", "", "[]"])
)
def test_no_yolo_set_ends_in_a_traceback(folder: Path, text: str, data: str) -> None:
    assert_mask_or_one_line(yolo({"a": text, "b": f"0 {BOX}"}, data), "yolo")


def assert_mask_or_one_line(files: Files, name: str, **parameters) -> None:
    """Read and draw files without an archive, which is quick."""
    members = {}
    for number, (path, content) in enumerate(files.items()):
        data = content.encode() if isinstance(content, str) else content
        Path(f"{number}.bin").write_bytes(data)
        members[path] = Member("a.zip", path, f"{number}.bin", 0, len(data))
    from darkroom.annotations.formats._base import load_format

    try:
        source = read_source(AnnotationParameters(format=name, **parameters), members, "own", "a.zip")
        for pair in source.pairs:

            def refuse(message: str) -> None:
                raise UserError(message)

            drawing = load_format(name).draw(pair, source.classes.ids, (WIDTH, HEIGHT), refuse)
            assert drawing.mask.shape == (HEIGHT, WIDTH) and set(np.unique(drawing.mask)) <= set(
                source.classes.ids.values()
            )
    except UserError as error:
        assert "\n" not in str(error)


# VGG Image Annotator

RECT = {"name": "rect", "x": 10, "y": 5, "width": 20, "height": 10}
POLYGON = {"name": "polygon", "all_points_x": [10, 30, 30, 10], "all_points_y": [5, 5, 25, 25]}


def region(shape: object, **attributes: object) -> dict:
    return {"shape_attributes": shape, "region_attributes": attributes}


def via(regions: object, attributes: dict | None = None, name: str = "a.jpg") -> Files:
    """A project of VIA 2."""
    images = {f"{name}1234": {"filename": name, "size": 1234, "regions": regions, "file_attributes": {}}}
    project = {
        "_via_settings": {"project": {"name": "p"}}, "_via_img_metadata": images,
        "_via_attributes": {"region": attributes or {}, "file": {}}, "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(images),
    }  # fmt: skip
    return {"a.jpg": photo(), "via_project.json": json.dumps(project)}


VIA_SHAPES = {
    "rect": (RECT, 200, 0),
    "polygon": (POLYGON, 400, 0),
    "circle": ({"name": "circle", "cx": 25, "cy": 20, "r": 10.5}, np.pi * 10.5**2, 11),
    "ellipse": ({"name": "ellipse", "cx": 25, "cy": 20, "rx": 15, "ry": 6}, np.pi * 90, 8),
    "turned ellipse": ({"name": "ellipse", "cx": 25, "cy": 20, "rx": 15, "ry": 6, "theta": np.pi / 2}, np.pi * 90, 8),
}


@pytest.mark.parametrize("case", VIA_SHAPES)
def test_via_shapes_have_their_areas(folder: Path, case: str) -> None:
    shape, area, margin = VIA_SHAPES[case]
    done = Converted(via([region(shape, kind="crack")]))
    assert done.source.format == "via" and done.source.classes.names == ["background", "crack"]
    assert done.pixels["crack"] == pytest.approx(area, abs=margin)
    if case == "turned ellipse":
        rows, columns = np.nonzero(done.masks["a"])
        assert np.ptp(rows) > 26 and np.ptp(columns) < 14


def test_a_via_ellipse_turns_clockwise(folder: Path) -> None:
    done = Converted(via([region({"name": "ellipse", "cx": 25, "cy": 20, "rx": 15, "ry": 3, "theta": 0.6}, k="a")]))
    assert done.masks["a"][26, 34] and not done.masks["a"][14, 34]


def test_via_regions_of_all_versions_are_read(folder: Path) -> None:
    regions = [region(POLYGON, kind="crack"), region(RECT, kind="rust")]  # later ones cover earlier ones
    header = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    rows = []
    for number, one in enumerate(regions):
        fields = [json.dumps(one[key]).replace('"', '""') for key in ("shape_attributes", "region_attributes")]
        rows.append(f'x, y.jpg,1234,"{{}}",2,{number},"{fields[0]}","{fields[1]}"')
    empty = 'b.jpg,99,"{}",0,0,"{}","{}"'
    metadata = {"a.jpg1": {"filename": "a.jpg", "size": 1, "regions": regions, "file_attributes": {}}}
    old = {
        "a.jpg1": {
            "filename": "a.jpg",
            "size": 1,
            "fileref": "",
            "base64_img_data": "",
            "regions": {"0": regions[0], "1": regions[1]},
        }
    }
    sets: list[Files] = [
        via(regions),
        {"a.jpg": photo(), "via_region_data.json": json.dumps(metadata)},
        {"a.jpg": photo(), "via_region_data.json": json.dumps(old)},
        {"x, y.jpg": photo(), "b.jpg": photo(), "data.csv": "\n".join([header, *rows, empty])},
        {"x, y.jpg": photo(), "data.csv": "\r\n".join([f"#{header}", *rows])},
    ]
    for files in sets:
        done = Converted(files)
        assert done.source.format == "via" and done.pixels == {"crack": 200, "rust": 200}
    assert not Converted(sets[3]).masks["b"].any()


def test_via_files_may_be_urls(folder: Path) -> None:
    assert Converted(via([region(RECT, kind="x")], name="https://some.org/pics/a.jpg?size=large")).pixels == {"x": 200}


OPTIONS = {"c": "Crack", "r": "Rust", "": ""}
DROPDOWN = {"type": "dropdown", "description": "", "options": OPTIONS, "default_options": {}}


def test_via_options_have_the_names_that_the_annotator_saw(folder: Path) -> None:
    regions = [region(RECT, kind="r", note="small"), region({**RECT, "y": 20}, kind="c", note="")]
    done = Converted(via(regions, {"kind": DROPDOWN, "note": {"type": "text"}}))
    assert done.pixels == {"Crack": 200, "Rust": 200}
    boxes = {"kind": {**DROPDOWN, "type": "checkbox"}}
    assert Converted(via([region(RECT, kind={"c": True, "r": False})], boxes)).pixels == {"Crack": 200}
    blank = {"kind": {**DROPDOWN, "type": "radio", "options": {"c": ""}}}
    assert Converted(via([region(RECT, kind="c")], blank)).pixels == {"c": 200}


def test_the_class_attribute_of_several_is_given(folder: Path) -> None:
    files = via([region(RECT, kind="crack", note="small"), region({**RECT, "y": 20}, kind="rust", note="large")])
    assert "regions have the attributes kind, note; set annotations.attribute" in refusal(files)
    assert Converted(files, attribute="kind").pixels == {"crack": 200, "rust": 200}
    assert Converted(files, attribute="note").pixels == {"large": 200, "small": 200}
    assert "attribute = 'knd': no region has it; did you mean kind" in refusal(files, attribute="knd")


def test_via_regions_without_attributes_are_of_the_one_class(folder: Path) -> None:
    files = via([region(POLYGON)])
    assert "regions[0] has no attribute; give regions one in VIA, or set annotations.classes" in refusal(files)
    assert Converted(files, classes=["balloon"]).pixels == {"balloon": 400}


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (region({"name": "point", "cx": 3, "cy": 4}, kind="c"), "regions[0] is a point, which is no region"),
        (region({**POLYGON, "name": "polyline"}, kind="c"), "is a polyline, which is no region"),
        (region({"name": "star"}, kind="c"), "unknown shape 'star'"),
        (region({**POLYGON, "all_points_y": [1]}, kind="c"), "are not as many"),
        (region({**POLYGON, "all_points_x": [1, 2], "all_points_y": [1, 2]}, kind="c"), "fewer than three points"),
        (region({**RECT, "width": 0}, kind="c"), "a rect has no extent"),
        (region({**RECT, "x": "left"}, kind="c"), "no pairs of numbers near the image"),
        (region({**RECT, "x": 1e9}, kind="c"), "no pairs of numbers near the image"),
        (region(RECT, kind=""), "has no kind; choose one"),
        (region(RECT, kind={"a": True, "b": True}), "has the kind a and b; choose one"),
        (region(None, kind="c"), "has no shape or no attributes"),
        (None, "has no shape or no attributes"),
    ],
)
def test_bad_via_regions_are_refused(folder: Path, one: object, message: str) -> None:
    files = via([one, region(RECT, kind="rust")])
    assert message in refusal(files)
    done = Converted(files, skip_bad=True)
    assert done.pixels == {"rust": 200} and message in done.left_out[0]


def test_a_via_option_that_is_none_is_refused(folder: Path) -> None:
    assert "its kind 'x' is none of the options" in refusal(via([region(RECT, kind="x")], {"kind": DROPDOWN}))


def via3(metadata: dict[str, list], attributes: dict | None = None) -> dict:
    """A project of VIA 3 with regions by id: coordinates and attributes."""
    regions = {key: {"vid": "1", "flg": 0, "z": [], "xy": xy, "av": av} for key, (xy, av) in metadata.items()}
    options = {"0": "Crack", "1": "Rust"}
    select = {"aname": "kind", "anchor_id": "FILE1_Z0_XY1", "type": 4, "options": options, "default_option_id": ""}
    return {
        "project": {"pid": "__VIA_PROJECT_ID__", "pname": "p", "vid_list": ["1", "2"]}, "config": {},
        "attribute": attributes or {"1": select},
        "file": {"1": {"fid": "1", "fname": "a.jpg", "type": 2, "loc": 1, "src": ""},
                 "2": {"fid": "2", "fname": "b.jpg", "type": 2, "loc": 3, "src": "/home/me/pics/b.jpg"}},
        "metadata": regions, "view": {"1": {"fid_list": ["1"]}, "2": {"fid_list": ["2"]}},
    }  # fmt: skip


VIA3_SHAPES = {
    "rectangle": ([2, 10, 5, 20, 10], 200, 0),
    "circle": ([3, 25, 20, 10.5], np.pi * 10.5**2, 11),
    "ellipse": ([4, 25, 20, 15, 6], np.pi * 90, 8),
    "polygon": ([7, 10, 5, 30, 5, 30, 25, 10, 25], 400, 0),
    "extreme rectangle": ([8, 10, 8, 20, 5, 30, 12, 22, 15], 200, 0),
    "extreme circle": ([9, 25, 10, 35, 20, 15, 20], np.pi * 100, 8),
}


@pytest.mark.parametrize("case", VIA3_SHAPES)
def test_via3_projects_and_csv_are_read(folder: Path, case: str) -> None:
    xy, area, margin = VIA3_SHAPES[case]
    project = via3({"1_abc": [xy, {"1": "1"}], "1_def": [[], {"1": "0"}]})
    images: Files = {"a.jpg": photo(), "b.jpg": photo()}
    done = Converted(images | {"project.json": json.dumps(project)})
    assert done.source.format == "via" and sorted(done.masks) == ["a", "b"]
    assert done.source.classes.names == ["background", "Rust"]
    assert done.pixels["Rust"] == pytest.approx(area, abs=margin)

    def field(value: object) -> str:
        text = json.dumps(value).replace('"', '""')
        return f'"{text}"'

    lines = [
        "# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)",
        f"# ATTRIBUTE = {json.dumps(project['attribute'])}",
        "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata",
        f'"1_abc",{field(["a.jpg"])},0,{field([])},{field(xy)},{field({"1": "1"})}',
    ]
    assert Converted({"a.jpg": photo(), "p.csv": "\n".join(lines)}).pixels == done.pixels


@pytest.mark.parametrize(
    ("xy", "av", "message"),
    [
        ([1, 10, 5], {"1": "1"}, "is a point, which is no region"),
        ([5, 10, 5, 20, 20], {"1": "1"}, "is a line, which is no region"),
        ([2, 10, 5, 20], {"1": "1"}, "a rect has 3 numbers and needs 4"),
        ([42, 10, 5], {"1": "1"}, "is of an unknown shape"),
        ([9, 10, 10, 20, 20, 30, 30], {"1": "1"}, "no circle goes through its points"),
        ([2, 10, 5, 20, 10], {"1": "9"}, "its kind '9' is none of the options"),
        ([2, 10, 5, 20, 10], {}, "has no kind; choose one"),
    ],
)
def test_bad_via3_regions_are_refused(folder: Path, xy: list, av: dict, message: str) -> None:
    project = via3({"1_a": [xy, av], "1_b": [[2, 10, 5, 20, 10], {"1": "1"}]})
    files: Files = {"a.jpg": photo(), "b.jpg": photo(), "project.json": json.dumps(project)}
    assert message in refusal(files)
    assert Converted(files, skip_bad=True).pixels == {"Rust": 200}


# Label Studio


def result(kind: str, value: dict, **more: object) -> dict:
    return {
        "id": "r1", "type": kind, "from_name": "tag", "to_name": "image", "original_width": WIDTH,
        "original_height": HEIGHT, "image_rotation": 0, "value": value, "origin": "manual", **more,
    }  # fmt: skip


def task(results: list[dict], image: str = "/data/upload/3/1a2b3c4d-a.jpg", **more: object) -> dict:
    annotation = {"id": 7, "completed_by": 1, "result": results, "was_cancelled": False, "ground_truth": False}
    return {"id": 5, "annotations": [annotation], "predictions": [], "data": {"image": image}, **more}


def label_studio(tasks: object) -> Files:
    return {"a.jpg": photo(), "project-1-at-2024.json": json.dumps(tasks)}


# In percent of 50×40 pixels: from (10, 5) on.
LS_RECT = {"x": 20, "y": 12.5, "width": 40, "height": 25, "rotation": 0}  # 20×10 pixels
LS_POLYGON = {"points": [[20, 12.5], [60, 12.5], [60, 62.5], [20, 62.5]], "closed": True}
LS_SHAPES = {
    "rectangle": (LS_RECT, 200, 0),
    "polygon": (LS_POLYGON, 400, 0),
    "ellipse": ({"x": 50, "y": 50, "radiusX": 30, "radiusY": 15, "rotation": 0}, np.pi * 90, 8),
}


@pytest.mark.parametrize("kind", LS_SHAPES)
def test_label_studio_regions_are_read_from_full_and_minimal_exports(folder: Path, kind: str) -> None:
    value, area, margin = LS_SHAPES[kind]
    one = result(f"{kind}labels", {**value, f"{kind}labels": ["Crack"]})
    apart = [result(kind, value), result("labels", {**value, "labels": ["Crack"]})]
    minimal = {
        "id": 5, "image": "/data/local-files/?d=some%20dir/a.jpg", "annotator": 1, "annotation_id": 7, "lead_time": 2.5,
        "created_at": "", "updated_at": "",
        "tag": [{**one["value"], "original_width": WIDTH, "original_height": HEIGHT}],
    }  # fmt: skip
    choice = {"type": "choices", "from_name": "c", "to_name": "image", "value": {"choices": ["good"]}}
    for tasks in ([task([one])], task([one, choice]), [task(apart)], [minimal]):
        done = Converted(label_studio(tasks))
        assert done.source.format == "label_studio" and done.pixels["Crack"] == pytest.approx(area, abs=margin)


def test_a_label_studio_box_turns_about_its_first_corner_in_pixels(folder: Path) -> None:
    turned = {"x": 60, "y": 25, "width": 40, "height": 25, "rotation": 90, "rectanglelabels": ["a"]}
    done = Converted(label_studio([task([result("rectanglelabels", turned)])]))
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[10:30, 20:30] = 1  # 10 wide, 20 high: the corner (30, 10) is now the upper right one
    assert (done.masks["a"] == expected).all()


def test_a_label_studio_ellipse_turns_about_its_centre(folder: Path) -> None:
    turned = {"x": 50, "y": 50, "radiusX": 30, "radiusY": 15, "rotation": 90, "ellipselabels": ["a"]}
    done = Converted(label_studio([task([result("ellipselabels", turned)])]))
    rows, columns = np.nonzero(done.masks["a"])
    assert np.ptp(rows) > 26 and np.ptp(columns) < 14


def brush_bytes(pixels: np.ndarray, sizes: tuple[int, ...] = (3, 4, 8, 16)) -> list[int]:
    """Encode values by hand, as Label Studio's SDK does: blocks of equal values, and single ones."""
    bits = f"{len(pixels):032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in sizes)
    place = 0
    while place < len(pixels):
        run = 1
        while place + run < len(pixels) and pixels[place + run] == pixels[place] and run < 1 << sizes[-1]:
            run += 1
        if run == 1:
            few = min((1 << sizes[0]) - 3, len(pixels) - place)
            bits += f"000{few - 1:0{sizes[0]}b}" + "".join(f"{value:08b}" for value in pixels[place : place + few])
            place += few
            continue
        index = next(index for index, size in enumerate(sizes) if run <= 1 << size)
        bits += f"1{index:02b}{run - 1:0{sizes[index]}b}{pixels[place]:08b}"
        place += run
    bits += "0" * (-len(bits) % 8)
    return [int(bits[start : start + 8], 2) for start in range(0, len(bits), 8)]


@settings(max_examples=80, **OFF)
@given(
    st.integers(0, 1 << 30), st.sampled_from([0.0, 0.02, 0.5]), st.integers(1, 12), st.integers(1, 12), st.booleans()
)
def test_brushes_decode_to_the_pixels_that_are_not_transparent(
    seed: int, noisy: float, width: int, height: int, has_long_blocks: bool
) -> None:
    random = np.random.default_rng(seed)
    rgba = np.repeat(random.integers(0, 2, (height, 1, 4)) * 255, width, 1).astype(np.uint8)
    spots = random.random(rgba.shape) < noisy
    rgba[spots] = random.integers(0, 256, spots.sum())
    encoded = brush_bytes(rgba.ravel(), (7, 4, 8, 16) if has_long_blocks else (3, 4, 8, 16))
    pixels = find_pixels(read_brush(encoded, (width, height), "b"), (width, height), Convention.PYCOCOTOOLS, "b").pixels
    assert (pixels == (rgba[..., 3] > 0)).all()


def test_brushes_and_bitmasks_of_label_studio_are_drawn(folder: Path) -> None:
    alpha = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    alpha[5:15, 10:30] = 255
    value = {"format": "rle", "rle": brush_bytes(alpha.ravel()), "brushlabels": ["Crack"]}
    assert Converted(label_studio([task([result("brushlabels", value)])])).pixels == {"Crack": 200}
    url = "data:image/png;base64," + base64.b64encode(png_bytes(alpha & np.array([0, 0, 0, 255], np.uint8))).decode()
    bitmask = {"imageDataURL": url, "bitmasklabels": ["Crack"]}
    assert Converted(label_studio([task([result("bitmasklabels", bitmask)])])).pixels == {"Crack": 200}


def test_the_annotation_of_label_studio_that_counts(folder: Path) -> None:
    crack = result("rectanglelabels", {**LS_RECT, "rectanglelabels": ["Crack"]})
    rust = result("rectanglelabels", {**LS_RECT, "rectanglelabels": ["Rust"]})
    first, second = (task([one])["annotations"][0] for one in (crack, rust))
    both = task([], annotations=[first, second | {"id": 8}])
    assert "task 5 has 2 annotations, 7, 8; mark one as ground truth" in refusal(label_studio([both]))
    chosen = task([], annotations=[first, second | {"ground_truth": True}])
    assert Converted(label_studio([chosen])).pixels == {"Rust": 200}
    cancelled = task([], annotations=[first, second | {"was_cancelled": True}], predictions=[{"result": [rust]}])
    assert Converted(label_studio([cancelled])).pixels == {"Crack": 200}
    none = [task([], annotations=[second | {"was_cancelled": True}], id=6)]
    assert "task 6 has only cancelled annotations" in refusal(label_studio(none))
    assert "has no annotation; label it" in refusal(label_studio([task([], annotations=[])]))
    empty = [task([crack]), task([], "/data/upload/3/1a2b3c4d-b.jpg", id=6)]
    assert not Converted(label_studio(empty) | {"b.jpg": photo()}).masks["b"].any()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/data/upload/3/1a2b3c4d-a.jpg", "a.jpg"),
        ("/data/upload/3/1a2b3c4d-a.jpg", "images/1a2b3c4d-a.jpg"),
        ("/data/upload/3/1a2b3c4d-%E7%8C%AB.jpg", "猫.jpg"),
        ("/data/local-files/?d=my%20set/a%20b.jpg", "my set/a b.jpg"),
        ("/data/local-files/?d=pics\\a.jpg", "pics/a.jpg"),
        ("s3://bucket/folder/a.jpg", "folder/a.jpg"),
        ("https://some.org/pics/a%20b.jpg?X-Amz-Date=1", "a b.jpg"),
    ],
)
def test_images_are_found_by_the_urls_of_label_studio(folder: Path, url: str, name: str) -> None:
    tasks = [task([result("rectanglelabels", {**LS_RECT, "rectanglelabels": ["Crack"]})], url)]
    assert Converted({name: photo(), "export.json": json.dumps(tasks)}).pixels == {"Crack": 200}


def test_paths_that_are_no_urls_stay() -> None:
    for path in ("a%20b.jpg", "C:/pics/a.jpg", "http://[", "data/upload/a.jpg"):
        assert path_in_url(path) == path


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (result("rectanglelabels", {**LS_RECT, "rectanglelabels": ["a", "b"]}), "has the labels 'a' and 'b'"),
        (result("rectanglelabels", LS_RECT), "result[0] has no label; give it one label"),
        (result("keypointlabels", {"x": 1, "y": 2, "width": 1, "keypointlabels": ["a"]}), "is a key point"),
        (result("rectanglelabels", {**LS_RECT, "rectanglelabels": ["a"]}, image_rotation=90), "turned by 90 degrees"),
        (result("rectanglelabels", {**LS_RECT, "rectanglelabels": ["a"]}, original_width=None), "states no size"),
        (result("rectanglelabels", {**LS_RECT, "rectanglelabels": ["a"], "width": 0}), "has no extent"),
        (result("rectanglelabels", {**LS_RECT, "rectanglelabels": ["a"], "x": "1%"}), "no pairs of numbers"),
        (result("polygonlabels", {**LS_POLYGON, "polygonlabels": ["a"], "closed": False}), "is not closed; close it"),
        (result("polygonlabels", {"points": [[1, 2]], "polygonlabels": ["a"]}), "fewer than three points"),
        (result("brushlabels", {"format": "rle", "rle": [0, 1, 1, 2, 3], "brushlabels": ["a"]}), "its brush is of"),
        (result("brushlabels", {"format": "rle", "rle": [1, 999], "brushlabels": ["a"]}), "its brush does not decode"),
        (result("brushlabels", {"format": "png", "rle": [], "brushlabels": ["a"]}), "of the unknown format 'png'"),
    ],
)
def test_bad_label_studio_regions_are_refused(folder: Path, one: dict, message: str) -> None:
    good = result("rectanglelabels", {**LS_RECT, "rectanglelabels": ["Crack"]}, id="r2")
    files = label_studio([task([one, good])])
    assert message in refusal(files)
    done = Converted(files, skip_bad=True)
    assert done.pixels == {"Crack": 200} and message in done.left_out[0]


def test_damaged_brushes_are_refused() -> None:
    rle = brush_bytes(np.arange(4 * 6, dtype=np.uint8))
    for damaged in (rle[:-3], rle[:8], [*rle[:6], *([255] * 30)]):
        with pytest.raises(UserError, match="does not decode"):
            read_brush(damaged, (3, 2), "b")


def test_a_label_studio_task_names_one_image(folder: Path) -> None:
    one = result("rectanglelabels", {**LS_RECT, "rectanglelabels": ["a"]})
    assert "task 5 names no image file" in refusal(label_studio([task([one], "hello")]))
    two = [task([one], data={"image": "a.jpg", "other": "b.jpg"})]
    assert "task 5 names 2 images, such as 'a.jpg'" in refusal(label_studio(two))


def test_annotations_of_another_size_are_refused(folder: Path) -> None:
    one = result("rectanglelabels", {**LS_RECT, "rectanglelabels": ["a"]}, original_width=HEIGHT, original_height=WIDTH)
    assert "was drawn on 40×50 pixels, but its image has 50×40" in refusal(label_studio([task([one])]))
    assert Converted(label_studio([task([one])]) | {"a.jpg": photo(6)}).masks["a"].shape == (WIDTH, HEIGHT)


# Supervisely


def bitmap(pixels: np.ndarray) -> str:
    """Encode pixels as Supervisely's SDK does."""
    image = Image.fromarray(pixels.astype(np.uint8))
    image.putpalette([0, 0, 0, 255, 255, 255])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=0, optimize=0)
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()


def sly_object(kind: str, title: str = "rust", **more: object) -> dict:
    return {"id": 1, "classId": 2, "description": "", "geometryType": kind, "tags": [], "classTitle": title, **more}


SLY_POLYGON = {"exterior": [[10, 5], [29, 5], [29, 24], [10, 24]], "interior": []}  # 20×20 pixels, both ends inside
SLY_HOLE = [[15, 10], [20, 10], [20, 15], [15, 15]]
SLY_FRACTIONS = [[10.9, 5.2], [29.9, 5], [29.1, 24.6], [10, 24]]  # cut to whole numbers
SLY_META = {
    "classes": [{"title": title, "shape": "any", "color": "#FF0000"} for title in ("rust", "crack")],
    "tags": [],
}


def supervisely(
    objects: list, name: str = "a.jpg", size: tuple[int, int] = (WIDTH, HEIGHT), where: str = "ds 1"
) -> Files:
    content = {"description": "", "tags": [], "size": {"height": size[1], "width": size[0]}, "objects": objects}
    return {
        "p/meta.json": json.dumps(SLY_META), f"p/{where}/img/{name}": photo(),
        f"p/{where}/ann/{name}.json": json.dumps(content),
    }  # fmt: skip


SLY_SHAPES = {
    "bitmap": (sly_object("bitmap", bitmap={"data": bitmap(np.ones((10, 20))), "origin": [10, 5]}), 200),
    "bitmap that is not compressed": (
        sly_object("bitmap", bitmap={"data": base64.b64encode(png_bytes(np.full((10, 20), 255, np.uint8))).decode(),
                                     "origin": [10, 5]}), 200),
    "polygon": (sly_object("polygon", points=SLY_POLYGON), 400),
    "polygon with a hole": (sly_object("polygon", points={**SLY_POLYGON, "interior": [SLY_HOLE]}), 400 - 36),
    "polygon of fractions": (sly_object("polygon", points={**SLY_POLYGON, "exterior": SLY_FRACTIONS}), 400),
    "rectangle": (sly_object("rectangle", points={"exterior": [[29, 5], [10, 14]], "interior": []}), 200),
    "oriented_bbox": (sly_object("oriented_bbox", points=[[10, 5], [29, 14]], angle=0), 200),
    "line": (sly_object("line", points={"exterior": [[10, 5], [29, 5]], "interior": []}), 20),
    "multipolygon": (sly_object("multipolygon", parts=[SLY_POLYGON]), 400),
}  # fmt: skip


@pytest.mark.parametrize("case", SLY_SHAPES)
def test_supervisely_objects_have_their_pixels(folder: Path, case: str) -> None:
    shape, area = SLY_SHAPES[case]
    done = Converted(supervisely([shape]))
    assert done.source.format == "supervisely" and done.pixels == {"rust": area, "crack": 0}


def test_supervisely_objects_are_drawn_in_order_from_nested_data_sets(folder: Path) -> None:
    objects = [sly_object("polygon", points=SLY_POLYGON), SLY_SHAPES["rectangle"][0] | {"classTitle": "crack"}]
    files = supervisely(objects, where="train/datasets/小") | supervisely([], "a.png.jpg", where="val")
    done = Converted(files)
    assert done.pixels == {"rust": 200, "crack": 200}
    assert {pair.name: pair.split for pair in done.source.pairs} == {"a": "train", "a.png": "validation"}


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (sly_object("point", points={"exterior": [[1, 2]], "interior": []}), "is a key point, which is no region"),
        (sly_object("cuboid"), "is a cuboid, which is no region"),
        (sly_object("banana"), "of the unknown kind 'banana'"),
        (sly_object("polygon", "dog", points=SLY_POLYGON), "unknown class 'dog'"),
        (sly_object("polygon", None, points=SLY_POLYGON), "objects[0] has no class"),
        (sly_object("polygon", points={"exterior": [[1, 2]], "interior": []}), "fewer than three points"),
        (sly_object("polygon", points=None), "no pairs of numbers"),
        (sly_object("rectangle", points=SLY_POLYGON), "a box has 4 points and needs 2"),
        (sly_object("bitmap"), "has no bitmap"),
        (sly_object("bitmap", bitmap={"data": "%%", "origin": [1, 2]}), "its bitmap is not base64"),
        (sly_object("bitmap", bitmap={"data": "AAAA", "origin": [1, 2]}), "its mask does not decode"),
        (sly_object("bitmap", bitmap={"data": bitmap(np.ones((2, 2))), "origin": 3}), "its bitmap's origin"),
    ],
)
def test_bad_supervisely_objects_are_refused(folder: Path, one: dict, message: str) -> None:
    files = supervisely([one, sly_object("polygon", points=SLY_POLYGON)])
    assert message in refusal(files)
    done = Converted(files, skip_bad=True)
    assert done.pixels == {"rust": 400, "crack": 0} and message in done.left_out[0]


def test_a_bitmap_that_would_fill_the_memory_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom.annotations.formats.supervisely.LARGEST_PNG", 1 << 20)
    bomb = base64.b64encode(zlib.compress(bytes(2 << 20))).decode()
    files = supervisely([sly_object("bitmap", bitmap={"data": bomb, "origin": [0, 0]})])
    assert "unpacks to more than 1 megabytes" in refusal(files)


def test_supervisely_files_that_do_not_fit_are_refused(folder: Path) -> None:
    files = supervisely([sly_object("polygon", points=SLY_POLYGON)])
    assert "has no annotation ann/b.jpg.json" in refusal(files | {"p/ds 1/img/b.jpg": photo()})
    assert "b.jpg.json: is not JSON" in refusal(files | {"p/ds 1/img/b.jpg": photo(), "p/ds 1/ann/b.jpg.json": "{"})
    other = files | {"p/ds 1/img/b.jpg": photo(), "p/ds 1/ann/b.jpg.json": "[]"}
    assert "b.jpg.json: is not Supervisely's" in refusal(other)
    assert "its image '../img/a.jpg' is not in the archive" in refusal(
        {k: v for k, v in files.items() if "img" not in k}
    )
    assert "was drawn on 40×50 pixels" in refusal(
        supervisely([], size=(HEIGHT, WIDTH)) | {"p/meta.json": json.dumps(SLY_META)}
    )


# All of them

values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats(allow_nan=True) | st.text(max_size=4)
    | st.sampled_from([10**400, "rle", "a.jpg", "rect"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places_in(content: object, path: tuple = ()) -> list[tuple]:
    """All places in a JSON content, as the keys that lead to them."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else []
    return [path, *(place for key, inner in items for place in places_in(inner, (*path, key)))]


def with_value(content: object, path: tuple, value: object) -> object:
    """A copy of a JSON content with another value at a place."""
    if not path:
        return value
    copied = dict(content) if isinstance(content, dict) else list(content)  # type: ignore[call-overload]
    copied[path[0]] = with_value(copied[path[0]], path[1:], value)
    return copied


def json_of(files: Files) -> object:
    return json.loads(next(content for name, content in files.items() if name.endswith("json") and "meta" not in name))


alpha = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
alpha[5:15, 10:30] = 255
BRUSH = brush_bytes(alpha.ravel())
SEEDS: dict[str, tuple[str, object, Callable[[str], Files]]] = {
    "via 2": ("via", json_of(via([region(RECT, kind="c"), region(POLYGON, kind="r")], {"kind": DROPDOWN})),
              lambda text: {"a.jpg": photo(), "v.json": text}),
    "via 3": ("via", via3({key: [xy, {"1": "1"}] for key, (xy, *_) in VIA3_SHAPES.items()}),
              lambda text: {"a.jpg": photo(), "b.jpg": photo(), "v.json": text}),
    "label studio": (
        "label_studio",
        [task([*(result(f"{kind}labels", {**value, f"{kind}labels": ["a"]}, id=kind)
                 for kind, (value, *_) in LS_SHAPES.items()),
               result("brushlabels", {"format": "rle", "rle": BRUSH, "brushlabels": ["a"]})])],
        lambda text: {"a.jpg": photo(), "v.json": text}),
    "supervisely": (
        "supervisely", json_of(supervisely([one for one, _ in SLY_SHAPES.values()])),
        lambda text: supervisely([]) | {"p/ds 1/ann/a.jpg.json": text}),
    "supervisely's classes": ("supervisely", SLY_META, lambda text: supervisely([]) | {"p/meta.json": text}),
}  # fmt: skip


@pytest.mark.parametrize("case", SEEDS)
@settings(max_examples=250, **OFF)
@given(data=st.data())
def test_no_value_anywhere_in_an_export_ends_in_a_traceback(folder: Path, case: str, data: st.DataObject) -> None:
    name, content, files = SEEDS[case]
    for _ in range(data.draw(st.integers(1, 2))):
        content = with_value(content, data.draw(st.sampled_from(places_in(content))), data.draw(values))
    assert_mask_or_one_line(files(json.dumps(content)), name, skip_bad=data.draw(st.booleans()))


@settings(max_examples=150, **OFF)
@given(st.text(st.characters(codec="utf-8"), max_size=60) | st.text('",{}[]#\n12', max_size=60))
@example('a.jpg,1,"{}",1,0,"{}",')
@example('a.jpg,1,"{}",1,0,"[1]","[[')
@example('"1_a","[""a.jpg""]",0,"[]","[2,1,1,9,9]","{}"')
def test_no_csv_file_of_via_ends_in_a_traceback(folder: Path, text: str) -> None:
    header = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    columns = "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata"
    for first in (header, columns):
        assert_mask_or_one_line({"a.jpg": photo(), "d.csv": f"{first}\n{text}"}, "via", classes=["one"])
