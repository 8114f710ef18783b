"""Annotation formats compared with their own tools, and tested on random input from hypothesis."""

import contextlib
import io
import json
import math
import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from conftest import copy_project, jpeg_bytes, labelme, noise, png_bytes, run, scene_files, shape, write_zip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as rasterize
from pycocotools.coco import COCO
from test_annotations import OUT, RAW, convert, read_masks

from darkroom.annotations.format_names import describe_formats, format_names
from darkroom.annotations.formats._base import load_format, load_formats
from darkroom.annotations.formats.labelme import POINT_COUNTS
from darkroom.annotations.pair import Classes, Pair
from darkroom.annotations.parameters import FOR_ALL_FORMATS, AnnotationParameters
from darkroom.annotations.source import read_source
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.parameters import check
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.pairs import image_paths, read_image, read_mask
from darkroom.datasets.report import read_report

HEIGHT, WIDTH = 36, 40
CATEGORIES = [{"id": 90, "name": "zebra"}, {"id": 7, "name": "ant"}, {"id": 1, "name": "cow"}]
NAMES = {category["id"]: category["name"] for category in CATEGORIES}
IDS = {"ant": 1, "cow": 2, "zebra": 3}  # in alphabetical order


def refuse(message: str) -> None:
    raise UserError(message)


def coco_files(annotations: list[dict], count: int = 12, **changes) -> dict[str, bytes | str]:
    """A COCO set of `count` images with these annotations."""
    images = [{"id": n, "file_name": f"c{n}.jpg", "width": WIDTH, "height": HEIGHT} for n in range(count)]
    content = {"images": images, "annotations": annotations, "categories": CATEGORIES} | changes
    files: dict[str, bytes | str] = {f"set/photos/c{n}.jpg": jpeg_bytes(noise(HEIGHT, WIDTH, n)) for n in range(count)}
    return files | {"set/instances.json": json.dumps(content)}


def annotation(image: int, category: int, segmentation: object, **more) -> dict:
    return {"id": 1, "image_id": image, "category_id": category, "segmentation": segmentation, "iscrowd": 0} | more


def encode_rle(region: np.ndarray, compressed: bool) -> dict:
    """Return the RLE of a bool region (height, width)."""
    if compressed:
        rle = rasterize.encode(np.asfortranarray(region.astype(np.uint8)))
        return {"size": rle["size"], "counts": rle["counts"].decode()}
    flat = region.T.ravel().astype(int)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [1 - flat[-1]]])))
    return {"size": list(region.shape), "counts": np.diff(np.concatenate([[0], edges])).tolist()}


def coco_content(annotations: list[dict]) -> dict:
    images = [{"id": 0, "file_name": "c0.jpg", "width": WIDTH, "height": HEIGHT}]
    return {"images": images, "annotations": annotations, "categories": CATEGORIES}


def draw_json(
    name: str,
    content: object,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    names: tuple[str, ...] = ("ant", "cow", "zebra"),
) -> np.ndarray:
    """Return the mask of the one image of a JSON file of the format `name`; nothing may be refused."""
    members = {image: Member("a.zip", image, "", 0, 0) for image in ("a.jpg", "c0.jpg")}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "a.json")
        path.write_text(json.dumps(content))
        members["a.json"] = Member("a.zip", "a.json", str(path), 0, path.stat().st_size)
        source = read_source(AnnotationParameters(format=name, classes=list(names)), members, "own", "a")
    [pair] = source.pairs
    drawing = load_format(name).draw(pair, source.classes.ids, size, refuse)
    assert drawing.mask.shape == size[::-1] and drawing.mask.dtype == np.uint8
    return drawing.mask


coordinates = st.floats(-20, 60, allow_nan=False).map(lambda x: round(x, 2))
polygons = st.lists(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=7), min_size=1, max_size=3)
segmentations = st.one_of(
    polygons.map(lambda parts: [[number for point in part for number in point] for part in parts]),
    st.tuples(st.integers(0, 2**32 - 1), st.floats(0, 1), st.booleans()).map(
        lambda draw: encode_rle(np.random.default_rng(draw[0]).random((HEIGHT, WIDTH)) < draw[1], draw[2])
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(segmentations, st.sampled_from([90, 7, 1])), max_size=5))
def test_coco_masks_match_those_of_pycocotools(drawn: list[tuple[object, int]]) -> None:
    shapes = [annotation(0, number, segmentation, id=n) for n, (segmentation, number) in enumerate(drawn)]
    reference = COCO()
    reference.dataset = {
        "images": [{"id": 0, "width": WIDTH, "height": HEIGHT}], "annotations": shapes, "categories": CATEGORIES,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.print", lambda *_: None)
        reference.createIndex()
    regions = [(reference.annToMask(shape).astype(bool), shape["category_id"]) for shape in shapes]
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    for region, category in sorted(regions, key=lambda one: -one[0].sum()):
        expected[region] = IDS[NAMES[category]]
    assert (draw_json("coco", coco_content(shapes)) == expected).all()


def test_coco_set_is_converted(folder: Path) -> None:
    square, small = [10, 10, 30, 10, 30, 30, 10, 30], [15, 15, 20, 15, 20, 20, 15, 20]
    outside = [30, 30, 50, 30, 50, 50, 30, 50]
    convert(coco_files([annotation(0, 90, [small]), annotation(0, 7, [square]), annotation(1, 1, [outside])]))
    assert Description.read(OUT).classes == ["background", "ant", "cow", "zebra"]
    assert read_masks()["c0"][17, 17] == 3, "the smaller instance lies over the larger one"
    assert read_masks()["c0"][12, 12] == 1 and not read_masks()["c2"].any()
    report = read_report(OUT)
    assert report["without_foreground"] == 10 and report["points_outside"] == 3 and report["left_out"] == []
    ants = [split["objects"] for split in report["classes"][1]["splits"].values() if "objects" in split]
    assert ants == [1]
    for split in SPLITS:
        shutil.rmtree(OUT / split)
    convert(coco_files([annotation(0, 90, [small])]), classes=["zebra"])
    assert read_masks()["c0"][17, 17] == 1


def test_coco_splits_come_from_the_names_of_the_files(folder: Path) -> None:
    files = coco_files([])
    content = json.loads(files.pop("set/instances.json"))
    for name, part in {"train2017": content["images"][:8], "val2017": content["images"][8:]}.items():
        files[f"annotations/instances_{name}.json"] = json.dumps(content | {"images": part})
    files["annotations/captions_val2017.json"] = json.dumps({"images": [], "annotations": []})
    convert(files)
    assert Description.read(OUT).images == {"train": 6, "validation": 2, "test": 4}


BAD_COCO = {
    "no image": (coco_files([], images=[{"id": 1, "file_name": "x.jpg"}]), "its image 'x.jpg' is not in the archive"),
    "image not listed": (coco_files([annotation(99, 7, [])]), "annotation of image 99, which it does not list"),
    "unknown category": (coco_files([annotation(0, 5, [[1, 1, 9, 1, 9, 9]])]), "has the unknown category 5"),
    "two points": (coco_files([annotation(0, 7, [[1, 1, 9, 1]])]), "fewer than three points"),
    "no numbers": (coco_files([annotation(0, 7, [[1, 1, 9, 1, 9, "x"]])]), "points that are no pairs of numbers"),
    "far away": (coco_files([annotation(0, 7, [[1, 1, 9, 1, 9, 1e12]])]), "points that are no pairs of numbers near"),
    "RLE too short": (
        coco_files([annotation(0, 7, {"size": [HEIGHT, WIDTH], "counts": [5, 6]})]),
        "an RLE of 11 pixels, .* does not fit an image of 36×40",
    ),
    "RLE of another size": (
        coco_files([annotation(0, 7, {"size": [WIDTH, HEIGHT], "counts": [WIDTH * HEIGHT]})]),
        "does not fit an image",
    ),
    "no segmentation": (coco_files([annotation(0, 7, None)]), "1: its segmentation is neither polygons nor an RLE"),
    "another size": (
        coco_files([], images=[{"id": n, "file_name": f"c{n}.jpg", "width": 9, "height": 9} for n in range(12)]),
        "was drawn on 9×9 pixels, but its image has 40×36",
    ),
    "class without category": (coco_files([]), "the annotations have no class 'yak'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_COCO)
def test_invalid_coco_sets_are_refused(folder: Path, case: str) -> None:
    files, message = BAD_COCO[case]
    with pytest.raises(UserError, match=message):
        convert(files, classes=["yak"] if case == "class without category" else None)
    assert not OUT.exists()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
rle_texts = st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=12)


def assert_mask_or_user_error(read: object, pair: Pair, ids: dict) -> None:
    try:
        result = read(pair, ids, (WIDTH, HEIGHT), refuse).mask
    except UserError:
        return
    assert result.shape == (HEIGHT, WIDTH) and result.dtype == np.uint8


@settings(max_examples=300, deadline=None)
@given(json_values | rle_texts.map(lambda text: {"size": [HEIGHT, WIDTH], "counts": text}))
def test_no_coco_segmentation_ends_in_a_traceback(segmentation: object) -> None:
    with contextlib.suppress(UserError):
        draw_json("coco", coco_content([annotation(0, 7, segmentation)]))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shapes=st.lists(
        st.fixed_dictionaries(
            {
                "label": st.sampled_from(["cat", "__ignore__", "background"]),
                "points": json_values | polygons.map(lambda p: p[0]),
            },
            optional={
                "shape_type": st.sampled_from([*POINT_COUNTS, None]) | json_values,
                "mask": json_values,
            },
        ),
        max_size=3,
    )
)
def test_no_labelme_shape_ends_in_a_traceback(folder: Path, shapes: list[dict]) -> None:
    with contextlib.suppress(UserError):
        draw_json("labelme", json.loads(labelme("a.jpg", shapes, WIDTH, HEIGHT)), names=("cat",))


def mask_file(mode: str, size: tuple[int, int], seed: int, damage: tuple[int, int] | int | None) -> bytes:
    """A PNG of few or many values. `damage` cuts it at that thousandth, or sets the byte there to the second number."""
    values = np.random.default_rng(seed).integers(0, 1 + seed % 300, (*size[::-1], 4), np.uint16)
    image = (
        Image.fromarray(values[..., 0]) if mode == "I;16" else Image.fromarray(values.astype(np.uint8)).convert(mode)
    )
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    content = bytearray(buffer.getvalue())
    if isinstance(damage, int):
        return bytes(content[: damage * len(content) // 1000])
    if damage:
        content[damage[0] * (len(content) - 1) // 1000] = damage[1]
    return bytes(content)


mask_contents = st.binary(max_size=40) | st.builds(
    mask_file,
    st.sampled_from(["1", "L", "P", "I;16", "LA", "RGB", "RGBA"]),
    st.sampled_from([(WIDTH, HEIGHT), (HEIGHT, WIDTH), (1, 1)]),
    st.integers(0, 10_000),
    st.none() | st.integers(0, 1000) | st.tuples(st.integers(0, 1000), st.integers(0, 255)),
)
COLOURS = AnnotationParameters(colours={"road": [128, 64, 128], "white": [255, 255, 255]})


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["png", "voc", "trimap", "colour"]), mask_contents)
def test_no_mask_file_ends_in_a_traceback(folder: Path, name: str, content: bytes) -> None:
    path = folder / "a.png"
    path.write_bytes(content)
    pair = Pair("a", None, Member("a.zip", "masks/a.png", str(path), 0, len(content)), None)
    tested = load_format(name)
    try:
        ids = Classes.numbered(tested.name_classes([pair], {}, COLOURS), []).ids
    except UserError:
        return
    assert_mask_or_user_error(tested.draw, pair, ids)


folders = st.sampled_from(
    ["images", "masks", "annotations", "trimaps", "JPEGImages", "SegmentationClass", "ImageSets/Segmentation", "train"]
)
files = st.sampled_from(
    ["a.jpg", "a.png", "b.png", "B.JPG", ".png", "a", "a.json", "train.txt", "trainval.txt", "test.txt", "classes.txt"]
)
contents = st.sampled_from([b"", b"a\n", b"a 1 1 1\nb", b"\n\n#", b"\xff\xfe", b"{}", b'{"images": 3}']) | mask_contents


paths = st.tuples(st.lists(folders, max_size=2), files).map(lambda parts: "/".join([*parts[0], parts[1]]))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(paths, contents, max_size=6), st.sampled_from(["auto", *format_names()]), st.booleans())
def test_no_set_of_files_ends_in_a_traceback(folder: Path, found: dict[str, bytes], name: str, skip_bad: bool) -> None:
    members = {}
    for number, (path, content) in enumerate(found.items()):
        Path(f"{number}.bin").write_bytes(content)
        members[path] = Member("a.zip", path, f"{number}.bin", 0, len(content))
    parameters = AnnotationParameters(
        format=name, skip_bad=skip_bad, colours=COLOURS.colours if name == "colour" else None
    )
    try:
        source = read_source(parameters, members, "own", "a.zip")
    except UserError as error:
        assert "\n" not in str(error)
        return
    assert len({(pair.split, pair.name) for pair in source.pairs}) == len(source.pairs) > 0
    for pair in source.pairs:
        assert_mask_or_user_error(load_format(source.format).draw, pair, source.classes.ids)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(2, WIDTH * 8), st.floats(2, HEIGHT * 8)), min_size=3, max_size=8))
def test_labelme_polygons_agree_with_pycocotools(folder: Path, points: list[tuple[float, float]]) -> None:
    """Pixels on the boundary may differ. Points are sorted by angle, so that the polygon does not cross itself."""
    middle = np.mean(points, axis=0)
    points = sorted(points, key=lambda p: math.atan2(p[1] - middle[1], p[0] - middle[0]))
    size = (WIDTH * 8, HEIGHT * 8)
    result = draw_json("labelme", json.loads(labelme("a.jpg", [shape("cat", points)], *size)), size, ("cat",))
    flat = [number for point in points for number in point]
    expected = rasterize.decode(rasterize.merge(rasterize.frPyObjects([flat], size[1], size[0]))).astype(bool)
    edge = np.zeros(size[::-1], bool)
    for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1], strict=True):
        steps = np.linspace(0, 1, 2000)
        xs, ys = x1 + (x2 - x1) * steps, y1 + (y2 - y1) * steps
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                edge[np.clip(ys + dy, 0, size[1] - 1).astype(int), np.clip(xs + dx, 0, size[0] - 1).astype(int)] = True
    assert ((result == 1) == expected)[~edge].all()


def test_each_annotation_file_is_parsed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    real = json.loads
    monkeypatch.setattr("darkroom.annotations.annotation_file.json.loads", lambda text: parsed.append(1) or real(text))
    convert(scene_files(12))
    assert len(parsed) == 12


def mask_files(values: dict[str, np.ndarray]) -> dict[str, bytes]:
    files = {}
    for name, mask in values.items():
        files[f"set/images/{name}.jpg"] = jpeg_bytes(noise(*mask.shape[:2]))
        files[f"set/masks/{name}.png"] = png_bytes(mask)
    return files


def test_binary_masks_are_converted(folder: Path) -> None:
    values = {f"b{n}": np.where(noise(9, 8, n)[..., 0] > 99, 255, 0).astype(np.uint8) for n in range(9)}
    convert(mask_files(values), classes=["road"])
    assert Description.read(OUT).classes == ["background", "road"]
    assert all((read_masks()[name] == values[name] // 255).all() for name in values)


def test_16_bit_ids_are_converted(folder: Path) -> None:
    values = {f"b{n}": (noise(9, 8, n)[..., 0] % 3).astype(np.uint16) * 1 for n in range(9)}
    values["b0"][0, 0] = 65535
    convert(mask_files(values))
    assert read_masks()["b0"][0, 0] == 255 and (read_masks()["b1"] == values["b1"]).all()
    values["b1"][2, 3] = 700
    with pytest.raises(UserError, match=r"b1.png: value 700 at \(3, 2\) is of an unknown class"):
        convert(mask_files(values), classes=["a", "b"])


def test_colour_masks_are_converted(folder: Path) -> None:
    colours = {"road": [128, 64, 128], "sky": [70, 130, 180]}
    table = np.array([[0, 0, 0], *colours.values()], np.uint8)
    ids = {f"b{n}": noise(9, 8, n)[..., 0] % 3 for n in range(9)}
    convert(mask_files({name: table[i] for name, i in ids.items()}), colours=colours)
    assert Description.read(OUT).classes == ["background", "road", "sky"]
    assert all((read_masks()[name] == ids[name]).all() for name in ids)
    strange = {name: table[i] for name, i in ids.items()}
    strange["b4"][1, 2] = (1, 2, 3)
    with pytest.raises(UserError, match=r"b4.png: colour \[1, 2, 3\] at \(2, 1\) is of no class"):
        convert(mask_files(strange), colours=colours)
    with pytest.raises(UserError, match="sky and road have the same colour"):
        convert(mask_files(strange), colours={"road": [1, 2, 3], "sky": [1, 2, 3]})


def test_voc_masks_and_split_lists_are_read(folder: Path) -> None:
    files: dict[str, bytes | str] = {}
    for number in range(8):
        mask = Image.fromarray((noise(9, 8, number)[..., 0] % 21).astype(np.uint8), "P")
        mask.putpalette(noise(16, 16, 3).tobytes())
        mask.save(folder / "mask.png")
        files[f"VOC2012/SegmentationClass/v{number}.png"] = (folder / "mask.png").read_bytes()
        files[f"VOC2012/JPEGImages/v{number}.jpg"] = jpeg_bytes(noise(9, 8))
    files["VOC2012/JPEGImages/unlabelled.jpg"] = jpeg_bytes(noise(9, 8))
    files["VOC2012/ImageSets/Segmentation/train.txt"] = "".join(f"v{n}\n" for n in range(5))
    files["VOC2012/ImageSets/Segmentation/val.txt"] = "v5\nv6\nv7\n"
    convert(files)
    description = Description.read(OUT)
    assert description.classes[:3] == ["background", "aeroplane", "bicycle"] and len(description.classes) == 21
    assert description.images == {"train": 4, "validation": 1, "test": 3}
    assert (read_masks()["v6"] == noise(9, 8, 6)[..., 0] % 21).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_masks_are_rotated_with_their_images(folder: Path, orientation: int) -> None:
    """Image and mask are both rotated from their stored form, so the mask is 1 where the image is bright."""
    files = mask_files({f"b{n}": np.zeros((8, 9), np.uint8) for n in range(9)})
    mask = np.zeros((32, 48), np.uint8)
    mask[:16, :16] = 1
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = np.repeat(mask[..., None] * 255, 3, axis=2)
    files["set/images/own.jpg"] = jpeg_bytes(picture, exif=exif, quality=95)
    files["set/masks/own.png"] = png_bytes(mask)
    convert(files, exif="stored")
    [path] = [p for s in SPLITS for p in image_paths(OUT, s) if p.stem == "own"]
    assert ((read_image(path)[..., 0] > 127) == (read_masks()["own"] == 1)).all()
    assert read_masks()["own"].shape == ((48, 32) if orientation > 4 else (32, 48))


def test_bad_pairs_are_left_out_on_request(folder: Path) -> None:
    files = scene_files(20)
    files["scenes/s1.json"] = "{"
    files["scenes/s2.jpg"] = b"GIF89"
    files["scenes/s3.json"] = labelme("s3.jpg", [shape("cat", [[1, 1]])], WIDTH, HEIGHT)
    del files["scenes/s4.jpg"]
    convert(files, skip_bad=True)
    left_out = read_report(OUT)["left_out"]
    for part in ("s1.json: is not JSON", "s2.jpg: does not decode", "a polygon has 1 points", "its image 's4.jpg'"):
        assert sum(part in line for line in left_out) == 1, left_out
    assert len(left_out) == 4 and sorted(read_masks()) == sorted(f"s{n}" for n in range(20) if n not in (1, 2, 4))
    assert sum(Description.read(OUT).images.values()) == 17 and not read_masks()["s3"].any()
    with pytest.raises(UserError, match="has no image to train on"):
        convert({n: c if n.endswith("json") else b"x" for n, c in scene_files(20).items()}, skip_bad=True)


def test_archive_without_a_known_format_is_refused(folder: Path) -> None:
    write_zip(RAW / "own.zip", {"a.json": "[]"})
    with pytest.raises(UserError, match="holds no images with annotations .*; a.json is of none of them"):
        convert({"a.json": "[]"})


BOXES = '''"""Text files of boxes beside PNG images.

Each line is a class and the left, top, right and bottom pixel.
"""

import numpy as np

from darkroom.annotations.formats._base import AnnotationFormat, Drawing
from darkroom.annotations.pair import Pair


class Boxes(AnnotationFormat):
    """Text files of boxes."""

    def recognizes(self, members, parameters):
        return any(name.endswith(".boxes") for name in members)

    def find_pairs(self, members, parameters, refuse):
        names = [name.removesuffix(".boxes") for name in members if name.endswith(".boxes")]
        return [Pair(name, members[f"{name}.png"], members[f"{name}.boxes"], None) for name in names]

    def name_classes(self, pairs, members, parameters):
        names = {line.split()[0] for pair in pairs for line in pair.annotation.text().splitlines()}
        return {name: name for name in ("background", *sorted(names))}

    def annotated_size(self, pair):
        return None

    def draw(self, pair, ids, size, refuse, with_objects=False):
        mask = np.zeros(size[::-1], np.uint8)
        for line in pair.annotation.text().splitlines():
            name, *numbers = line.split()
            left, top, right, bottom = map(int, numbers)
            mask[top : bottom + 1, left : right + 1] = ids[name]
        return Drawing(mask)
'''


def test_a_format_is_added_in_one_file(folder: Path) -> None:
    """A new module is listed in the help, valid in the parameters, recognized, and used by the worker processes."""
    project = copy_project(folder / "project")
    (project / "darkroom/annotations/formats/boxes.py").write_text(BOXES)
    (folder / "own").mkdir()
    for name, line in {"a": "cat 1 2 3 5", "b": "dog 0 0 7 8"}.items():
        (folder / "own" / f"{name}.png").write_bytes(png_bytes(noise(9, 8)))
        (folder / "own" / f"{name}.boxes").write_text(line)
    shown = run(project, "python", "-m", "darkroom", "masks", "--help").stdout
    assert re.search(r"^  boxes\n    ", shown, re.MULTILINE)
    assert "Text files of boxes beside PNG images.\n    Each line is a class" in shown
    for name in ("auto", "boxes"):
        out = folder / name
        done = run(project, "python", "-m", "darkroom", "masks", str(folder / "own"), str(out), "--format", name)
        assert done.returncode == 0 and "2 masks from boxes" in done.stdout, done.stderr
        assert read_mask(out / "masks/a.png").sum() == 12 and (read_mask(out / "masks/b.png") == 2).all()


def test_formats_have_descriptions_and_list_their_options() -> None:
    assert {"coco", "colour", "labelme", "png", "trimap", "voc"} <= set(format_names())
    for name, text in describe_formats().items():
        assert text.partition("\n")[0].endswith("."), name
        assert load_format(name).name == name
    options = set().union(*(one.OPTIONS for one in load_formats()))
    assert options == set(AnnotationParameters.model_fields) - FOR_ALL_FORMATS


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": "cocoa"}, "there is no such format; did you mean coco"),
        ({"format": "colour"}, "colours is null; give each class its colour"),
        ({"format": "coco", "threshold": 9}, "threshold = 9: is used by png and voc, not by coco"),
        ({"format": "png", "colours": {"a": [1, 2, 3]}}, "is used by colour, not by png"),
        ({"format": "png", "border": "pet"}, "border = 'pet': is used by trimap, not by png"),
        ({"colours": {"a": [1, 2, 3]}, "classes": ["a"]}, "colours names the classes already"),
    ],
)
def test_parameters_that_the_format_does_not_use_are_refused(values: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(AnnotationParameters, values, "annotations")
