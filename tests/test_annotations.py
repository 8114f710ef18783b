"""Conversion of annotated images to masks: LabelMe, trimaps and PNG masks."""

import base64
from pathlib import Path

import numpy as np
import pytest
from conftest import CLASSES, jpeg_bytes, labelme, noise, png_bytes, scene_files, shape, write_tar, write_zip
from PIL import Image

from darkroom.annotations.convert import convert_annotations
from darkroom.annotations.parameters import AnnotationParameters, MaskParameters
from darkroom.common.errors import UserError
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.pairs import image_paths, mask_path, read_image, read_mask
from darkroom.datasets.report import read_report

RAW, OUT = Path("raw"), Path("prepared")
TRIANGLE = [[5, 5], [30, 5], [5, 30]]


def convert(files: dict[str, bytes | str], **annotations) -> None:
    """Convert an archive of `files`, with the given parameters in `annotations`."""
    write_zip(RAW / "own.zip", files)
    parameters = MaskParameters(
        seed=0, validation=0.2, test=0.2, annotations=AnnotationParameters(**{"format": "auto"} | annotations)
    )
    convert_annotations(parameters, "tasks.own", RAW, OUT)


def read_masks() -> dict[str, np.ndarray]:
    """Read the masks of all splits, by the names of their images."""
    return {p.stem: read_mask(mask_path(OUT, s, p.stem)) for s in SPLITS for p in image_paths(OUT, s)}


def convert_shapes(shapes: list[dict], width: int = 60, height: int = 50, **annotations) -> np.ndarray:
    """Convert an image with these shapes, among others so that no split is empty, and return its mask."""
    files = scene_files(12, width=60, height=50)
    files |= {"scenes/own.jpg": jpeg_bytes(noise(50, 60)), "scenes/own.json": labelme("own.jpg", shapes, width, height)}
    convert(files, **annotations)
    return read_masks()["own"]


def test_labelme_shapes_are_drawn_in_order(folder: Path) -> None:
    mask = convert_shapes(
        [shape("cat", [[10, 10], [30, 30]], "rectangle"), shape("dog", [[20, 20], [40, 40]], "rectangle")]
    )
    expected = np.zeros((50, 60), np.uint8)
    expected[10:31, 10:31], expected[20:41, 20:41] = 1, 2
    assert (mask == expected).all()
    assert Description.read(OUT).classes == ["background", *CLASSES]


def test_each_labelme_shape_covers_the_expected_area(folder: Path) -> None:
    stencil = np.zeros((6, 8), np.uint8)
    stencil[1:5, 2:7] = 1
    png = base64.b64encode(png_bytes(stencil * 255)).decode()
    for shapes, low, high in [
        ([shape("cat", TRIANGLE)], 300, 360),
        ([shape("cat", TRIANGLE, shape_type=None)], 300, 360),
        ([shape("cat", [[30, 25], [30, 35]], "circle")], 290, 350),
        ([shape("cat", [[5, 25], [45, 25]], "line")], 380, 450),
        ([shape("cat", [[5, 5], [45, 5], [45, 45]], "linestrip")], 700, 900),
        ([shape("cat", [[30, 25]], "point")], 75, 125),
        ([shape("cat", [[10, 10], [17, 15]], "mask", mask=png)], 20, 20),
    ]:
        area = int((convert_shapes(shapes) == 1).sum())
        assert low <= area <= high, (shapes[0]["shape_type"], area)


def test_ignore_label_and_ignored_classes_are_not_counted(folder: Path) -> None:
    mask = convert_shapes([shape("dog", [[0, 0], [9, 9]], "rectangle"), shape("__ignore__", TRIANGLE)], ignore=["cat"])
    assert mask[0, 0] == 1, "the ids of the remaining classes have no gap"
    assert mask[8, 15] == 255
    assert Description.read(OUT).classes == ["background", "dog"]


def test_image_embedded_in_its_annotation_is_read(folder: Path) -> None:
    files = scene_files(12)
    pixels = noise(36, 40, 7)
    data = base64.b64encode(png_bytes(pixels)).decode()
    files["scenes/own.json"] = labelme("elsewhere.png", [shape("cat", TRIANGLE)], 40, 36, imageData=data)
    convert(files)
    [path] = [p for s in SPLITS for p in image_paths(OUT, s) if p.stem == "own"]
    assert (read_image(path) == pixels).all()


def test_exif_orientation_is_applied(folder: Path) -> None:
    files = scene_files(12)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown rotated by 90° clockwise
    files["scenes/own.jpg"] = jpeg_bytes(noise(36, 40), exif=exif)
    files["scenes/own.json"] = labelme("own.jpg", [shape("cat", TRIANGLE)], 36, 40)
    convert(files)
    [path] = [p for s in SPLITS for p in image_paths(OUT, s) if p.stem == "own"]
    assert read_image(path).shape == (40, 36, 3) and read_masks()["own"].shape == (40, 36)


def test_split_sizes_and_report(folder: Path) -> None:
    convert(scene_files(20))
    assert Description.read(OUT).images == {"train": 13, "validation": 3, "test": 4}
    report = read_report(OUT)
    counts = {"images", "classes", "without_foreground", "points_outside", "left_out", "findings", "check"}
    assert read_report(OUT).keys() == counts
    pixels = sum(split["pixels"] for split in report["classes"][1]["splits"].values())
    assert (report["classes"][1]["name"], pixels) == ("cat", 10 * 15 * 20)
    for split in SPLITS:
        assert sum(entry["splits"][split]["share"] for entry in report["classes"]) == pytest.approx(1, abs=1e-5)


def trimap_files() -> dict[str, bytes]:
    trimap = np.full((36, 40), 2, np.uint8)
    trimap[10:20, 10:20], trimap[20:22, 10:20] = 1, 3
    names = [f"pet_{number}" for number in range(10)]
    files = {f"images/{name}.jpg": jpeg_bytes(noise(36, 40)) for name in names}
    files |= {f"annotations/trimaps/{name}.png": png_bytes(trimap) for name in names}
    lists = {"trainval.txt": names[:7], "test.txt": names[7:]}
    return files | {f"annotations/{k}": "".join(f"{n} 1 1 1\n" for n in v).encode() for k, v in lists.items()}


def test_oxford_pets_trimaps_are_converted(folder: Path) -> None:
    files = trimap_files()
    write_tar(RAW / "images.tar.gz", {n: c for n, c in files.items() if n.startswith("images")})
    write_tar(RAW / "annotations.tar.gz", {n: c for n, c in files.items() if n.startswith("annotations")})
    parameters = MaskParameters(seed=0, validation=2, test=0.2, annotations=AnnotationParameters())
    convert_annotations(parameters, "tasks.segmentation", RAW, OUT)
    assert Description.read(OUT).images == {"train": 5, "validation": 2, "test": 3}
    mask = read_masks()["pet_0"]
    assert [int((mask == value).sum()) for value in (0, 1, 255)] == [36 * 40 - 120, 100, 20]


def png_files(values: np.ndarray, splits: tuple[str, ...] = ("train", "val")) -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {"set/classes.txt": "sky\nroad\nvoid\ncar\n"}
    for split in splits:
        for number in range(6):
            files[f"set/{split}/images/{split}{number}.jpg"] = jpeg_bytes(noise(*values.shape))
            files[f"set/{split}/masks/{split}{number}.png"] = png_bytes(values)
    return files


def test_png_folders_with_class_names_and_splits_are_converted(folder: Path) -> None:
    values = np.repeat(np.arange(4, dtype=np.uint8), 9).reshape(4, 9)
    convert(png_files(values), ignore=["void"])
    description = Description.read(OUT)
    assert description.classes == ["sky", "road", "car"]
    assert description.images == {"train": 5, "validation": 1, "test": 6}, "without a test split, val is the test split"
    assert read_masks()["train0"][:, 0].tolist() == [0, 1, 255, 2]


GOOD = scene_files(12)
BAD_PAIRS = {
    "not JSON": ({**GOOD, "scenes/s1.json": "{"}, "s1.json: is not JSON"),
    "not LabelMe's": ({**GOOD, "scenes/s1.json": "[1]"}, "s1.json: is not LabelMe's"),
    "no image": ({n: c for n, c in GOOD.items() if n != "scenes/s1.jpg"}, "s1.json: its image 's1.jpg' is not in"),
    "another size": ({**GOOD, "scenes/s1.jpg": jpeg_bytes(noise(9, 9))}, "s1.json: was drawn on 40×36 .* has 9×9"),
    "no image data": ({**GOOD, "scenes/s1.jpg": b"GIF89"}, "s1.jpg: does not decode"),
    "few points": (
        {**GOOD, "scenes/s1.json": labelme("s1.jpg", [shape("cat", [[1, 1], [2, 2]])], 40, 36)},
        "a polygon has 2 points and needs 3",
    ),
    "no numbers": (
        {**GOOD, "scenes/s1.json": labelme("s1.jpg", [shape("cat", [["a", 1]])], 40, 36)},
        "points that are no pairs of numbers",
    ),
    "unknown shape": (
        {**GOOD, "scenes/s1.json": labelme("s1.jpg", [shape("cat", [[1, 1]], "blob")], 40, 36)},
        "unknown shape 'blob'",
    ),
    "nothing": ({"readme.txt": "no pictures"}, "holds no images with annotations"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_PAIRS)
def test_invalid_labelme_sets_are_refused(folder: Path, case: str) -> None:
    files, message = BAD_PAIRS[case]
    with pytest.raises(UserError, match=message):
        convert(files)
    assert not OUT.exists()


def test_images_of_the_same_name_are_prefixed_with_their_folder(folder: Path) -> None:
    convert({**GOOD, "more/s1.jpg": GOOD["scenes/s1.jpg"], "more/s1.json": GOOD["scenes/s1.json"]})
    assert {"more_s1", "scenes_s1", "s2"} <= read_masks().keys() and "s1" not in read_masks()


def test_unknown_class_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match=r"unknown class 'dog'; add it to annotations\.classes"):
        convert(scene_files(), classes=["cat"])


VALUES = np.zeros((4, 9), np.uint8)
BAD_PNGS = {
    "no mask": ({**png_files(VALUES), "set/train/images/x.jpg": b""}, "x.jpg: has no mask"),
    "no image": ({**png_files(VALUES), "set/train/masks/x.png": b""}, "x.png: its image is not in the archive"),
    "another size": ({**png_files(VALUES), "set/train/masks/train0.png": png_bytes(VALUES.T)}, "has 4×9 .* has 9×4"),
    "unknown id": (png_files(VALUES + 9), r"value 9 at \(0, 0\) is of an unknown class"),
    "colours": ({**png_files(VALUES), "set/train/masks/train0.png": png_bytes(noise(4, 9))}, "is RGB, not single"),
    "only test": (png_files(VALUES, ("val",)), "but none to train on"),
}


@pytest.mark.parametrize("case", BAD_PNGS)
def test_invalid_png_sets_are_refused(folder: Path, case: str) -> None:
    files, message = BAD_PNGS[case]
    with pytest.raises(UserError, match=message):
        convert(files)
    assert not OUT.exists()


def test_trimap_without_image_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="its image pet_3.jpg is not in the archive"):
        convert({name: content for name, content in trimap_files().items() if name != "images/pet_3.jpg"})


def test_ignored_class_must_exist(folder: Path) -> None:
    with pytest.raises(UserError, match="no such class; did you mean cat"):
        convert(scene_files(), ignore=["cta"])


def test_empty_test_split_is_refused(folder: Path) -> None:
    write_zip(RAW / "own.zip", scene_files(12))
    parameters = MaskParameters(seed=0, validation=0.2, test=0, annotations=AnnotationParameters())
    with pytest.raises(UserError, match=r"tasks\.own\.test = 0: leaves no image to test on"):
        convert_annotations(parameters, "tasks.own", RAW, OUT)
    assert not OUT.exists()
