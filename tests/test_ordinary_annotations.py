"""Annotated data sets as users have them, after public reports. Each kind once gave a wrong mask without an error."""

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


def encode_image(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


CRACK, RUST = (5, 5, 25, 15), (5, 20, 15, 30)  # 200 and 100 pixels


class Converted:
    """The masks and the left-out pairs of a converted archive of `files`."""

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
        """The number of pixels of each class except the background."""
        counts = np.sum([np.bincount(mask.ravel(), minlength=256) for mask in self.masks.values()], axis=0)
        return {name: int(counts[value]) for value, name in enumerate(self.source.classes.names) if value}


def refusal(files: dict[str, bytes | str], **parameters) -> str:
    """Convert files that must be refused, and return the error message."""
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
    "four corners, starting at another one": ("rectangle", [*CORNERS[2:], *CORNERS[:2]], 400),
    "four corners with fractions": ("rectangle", [[10.5, 5.5], [29.5, 5.5], [29.5, 24.5], [10.5, 24.5]], 400),
    "a rotated box": ("rectangle", [[20, 5], [30, 15], [20, 25], [10, 15]], 221),
    "oriented_rectangle": ("oriented_rectangle", [[20, 5], [30, 15], [20, 25], [10, 15]], 221),
    "rotation": ("rotation", CORNERS, 400),
}


@pytest.mark.parametrize("case", SHAPES)
def test_boxes_of_four_corners_are_filled(folder: Path, case: str) -> None:
    kind, points, area = SHAPES[case]
    assert Converted(one_shape(kind, points)).pixels["cover"] == pytest.approx(area, abs=25)


@pytest.mark.parametrize(
    ("kind", "count", "needs"),
    [("rectangle", 1, "2 to 4"), ("rectangle", 3, "2 or 4"), ("rectangle", 5, "2 to 4"), ("circle", 3, "2"),
     ("line", 3, "2"), ("point", 2, "1"), ("oriented_rectangle", 2, "4"), ("rotation", 5, "4")],
)  # fmt: skip
def test_wrong_numbers_of_points_are_refused(folder: Path, kind: str, count: int, needs: str) -> None:
    points = [[10 + 3 * n, 5 + n * n] for n in range(count)]
    assert f"a {kind} has {count} points and needs {needs};" in refusal(one_shape(kind, points))


def test_corners_that_make_no_box_are_refused(folder: Path) -> None:
    assert "four corners that make no box" in refusal(one_shape("rotation", [[10, 5], [29, 24], [29, 5], [10, 20]]))


def test_image_names_may_differ_in_case_unicode_form_and_slashes(folder: Path) -> None:
    for file_name, annotated_name in [
        ("A1.JPG", "A1.jpg"),
        ("pictures/a.jpg", "..\\pictures\\a.jpg"),
        ("pictures/a.jpg", "C:\\Users\\me\\pictures\\a.jpg"),
        (unicodedata.normalize("NFD", "Überzug.jpg"), unicodedata.normalize("NFC", "Überzug.jpg")),
    ]:
        annotation = labelme(annotated_name, [shape("cat", [[10, 5], [29, 24]], "rectangle")], WIDTH, HEIGHT)
        name = "labels/own.json" if "/" in file_name else f"{file_name.rpartition('.')[0]}.json"
        assert Converted({file_name: photo(), name: annotation}).pixels == {"cat": 400}, annotated_name


def test_base64_with_line_breaks_or_as_a_data_uri_is_read(folder: Path) -> None:
    plain = base64.encodebytes(png_bytes(noise(HEIGHT, WIDTH))).decode()
    for image_data in (plain, f"data:image/png;base64,{plain.strip()}"):
        shapes = [shape("cat", [[10, 5], [29, 24]], "rectangle")]
        annotation = labelme("gone.png", shapes, WIDTH, HEIGHT, imageData=image_data)
        assert Converted({"a.json": annotation}).pixels["cat"] == 400


def test_two_annotations_of_one_image_are_refused(folder: Path) -> None:
    """For example a copied annotation that still names the original image."""
    files = one_shape("rectangle", CORNERS)
    message = refusal({**files, "b.jpg": photo(), "b.json": files["a.json"]})
    assert "its image a.jpg is annotated twice" in message and "a.json" in message and "b.json" in message


# COCO


def test_category_ids_are_read_separately_for_each_file(folder: Path) -> None:
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


def test_image_in_the_folder_of_its_annotation_file_is_taken(folder: Path) -> None:
    files = {"train/1.jpg": photo(), "valid/1.jpg": photo(size=(30, 60), seed=1)}
    files |= roboflow("1.jpg", "train") | roboflow("1.jpg", "valid", width=60, height=30)
    converted = Converted(files)
    assert {(pair.split, pair.image.name) for pair in converted.source.pairs} == {
        ("train", "train/1.jpg"), ("validation", "valid/1.jpg"),
    }  # fmt: skip


def test_image_in_a_folder_beside_the_annotation_folder_is_taken(folder: Path) -> None:
    files: dict[str, bytes | str] = {}
    for part in ("one", "two"):
        files[f"{part}/images/1.jpg"] = photo(seed=len(files))
        files |= roboflow("1.jpg", f"{part}/annotations")
    found = {pair.annotation.name: pair.image.name for pair in Converted(files).source.pairs}
    assert found == {f"{p}/annotations/_annotations.coco.json": f"{p}/images/1.jpg" for p in ("one", "two")}


def test_ambiguous_image_is_refused(folder: Path) -> None:
    message = refusal({"here/1.jpg": photo(), "there/1.jpg": photo()} | roboflow("1.jpg", "notes"))
    assert "here/1.jpg or there/1.jpg" in message


def test_one_letter_of_a_file_name_does_not_select_a_folder(folder: Path) -> None:
    annotation = {"image_id": 0, "category_id": 1, "segmentation": [box(10, 10, 20, 10)]}
    files = {"a/1.jpg": photo(), "b/1.jpg": photo()}
    for name in ("annotations", "instances_b"):
        files[f"{name}.json"] = coco([{"id": 0, "file_name": "1.jpg"}], [annotation], {1: "apple"})
        if name == "annotations":
            assert "a/1.jpg or b/1.jpg" in refusal(files)
            del files["annotations.json"]
    assert Converted(files).source.pairs[0].image.name == "b/1.jpg"


def test_image_of_another_split_is_not_taken(folder: Path) -> None:
    assert "its image '1.jpg' is not in the archive" in refusal({"valid/1.jpg": photo()} | roboflow("1.jpg", "train"))


def test_image_annotated_in_two_files_is_refused(folder: Path) -> None:
    files = {"1.jpg": photo()} | roboflow("1.jpg", "train") | roboflow("1.jpg", "more")
    assert "its image 1.jpg is annotated twice" in refusal(files)


def test_folder_that_is_no_split_is_refused(folder: Path) -> None:
    """Otherwise its images would be used for training without notice."""
    files = (
        {"train/1.jpg": photo(), "holdout/2.jpg": photo()} | roboflow("1.jpg", "train") | roboflow("2.jpg", "holdout")
    )
    assert "holdout/_annotations.coco.json: 2: is in no split" in refusal(files)


def test_images_of_the_same_name_are_prefixed_with_their_folder(folder: Path) -> None:
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
    ("segmentation", "reason"),
    [({"segmentation": []}, "is a box without a shape"), ({}, "is a box without a shape"),
     ({"segmentation": box(1, 1, 5, 5)}, "flat list"), ({"segmentation": [[1, 1, 5, 5]]}, "fewer than three points"),
     ({"segmentation": [box(1, 1, 5, 5)], "category_id": 9}, "unknown category 9")],
)  # fmt: skip
def test_only_the_bad_object_is_named_and_left_out(folder: Path, segmentation: dict, reason: str) -> None:
    message = refusal(objects(segmentation))
    assert "annotation 77" in message and reason in message
    converted = Converted(objects(segmentation), skip_bad=True)
    assert converted.pixels == {"apple": 200} and len(converted.left_out) == 1 and "77" in converted.left_out[0]


def test_only_the_bad_shape_is_left_out(folder: Path) -> None:
    shapes = [shape("cat", [[10, 5], [29, 24]], "rectangle"), shape("cat", [[1, 1]])]
    files = {"a.jpg": photo(), "a.json": labelme("a.jpg", shapes, WIDTH, HEIGHT)}
    assert "shapes[1], a cat: a polygon has 1 points and needs 3 or more" in refusal(files)
    converted = Converted(files, skip_bad=True)
    assert converted.pixels == {"cat": 400} and len(converted.left_out) == 1


def test_empty_list_of_keypoints_is_ignored(folder: Path) -> None:
    files = objects()
    content = json.loads(files["a.json"])
    content["categories"][0]["keypoints"] = []
    assert Converted({**files, "a.json": json.dumps(content)}).pixels == {"apple": 200}
    content["categories"][0]["keypoints"] = ["nose"]
    assert "holds no images with annotations" in refusal({**files, "a.json": json.dumps(content)})


# Photos with an EXIF orientation


def rotated_photos(orientations: dict[str, int], sizes: dict[str, tuple[int, int]]) -> dict[str, bytes | str]:
    """Photos of these EXIF orientations, each with a box in the upper left corner of the view that was annotated."""
    images = [
        {"id": n, "file_name": f"{name}.jpg", "width": sizes[name][0], "height": sizes[name][1]}
        for n, name in enumerate(orientations)
    ]
    annotations = [{"image_id": n, "category_id": 1, "segmentation": [box(0, 0, 20, 10)]} for n in range(len(images))]
    files: dict[str, bytes | str] = {f"{name}.jpg": photo(number) for name, number in orientations.items()}
    return files | {"a.json": coco(images, annotations, {1: "apple"})}


def corner(mask: np.ndarray) -> str:
    """The corner in which the box lies in the upright image."""
    y, x = (int(axis.mean()) for axis in np.nonzero(mask))
    return ("upper" if y < mask.shape[0] / 2 else "lower") + (" left" if x < mask.shape[1] / 2 else " right")


def test_annotated_sizes_decide_the_orientation_of_all_photos_of_a_file(folder: Path) -> None:
    orientations = {"half": 3, "quarter": 6}
    seen = {"half": (WIDTH, HEIGHT), "quarter": (HEIGHT, WIDTH)}
    assert corner(Converted(rotated_photos(orientations, seen)).masks["half"]) == "upper left"
    stored = {"half": (WIDTH, HEIGHT), "quarter": (WIDTH, HEIGHT)}
    assert corner(Converted(rotated_photos(orientations, stored)).masks["half"]) == "lower right"


def test_photos_of_undecidable_orientation_are_refused(folder: Path) -> None:
    files = rotated_photos({"half": 3}, {"half": (WIDTH, HEIGHT)})
    assert "half.jpg" in refusal(files) and "set annotations.exif to seen or stored" in refusal(files)
    assert corner(Converted(files, exif="seen").masks["half"]) == "upper left"
    assert corner(Converted(files, exif="stored").masks["half"]) == "lower right"
    good = rotated_photos({"half": 3, "plain": 1}, dict.fromkeys(["half", "plain"], (WIDTH, HEIGHT)))
    converted = Converted(good, skip_bad=True)
    assert set(converted.masks) == {"plain"} and len(converted.left_out) == 1
    both = rotated_photos(
        {"half": 3, "a": 6, "b": 6}, {"half": (WIDTH, HEIGHT), "a": (WIDTH, HEIGHT), "b": (HEIGHT, WIDTH)}
    )
    assert "half.jpg" in refusal(both), "the others contradict each other"


def test_orientation_of_square_photos_follows_the_others(folder: Path) -> None:
    files = rotated_photos({"square": 6, "quarter": 6}, {"square": (HEIGHT, HEIGHT), "quarter": (HEIGHT, WIDTH)})
    files["square.jpg"] = photo(6, (HEIGHT, HEIGHT))
    assert corner(Converted(files).masks["square"]) == "upper left"


def test_mask_sizes_decide_the_orientation_of_all_photos(folder: Path) -> None:
    """The mask of a photo rotated by 90° decides for photos rotated by 180°, too."""
    masks = {"half": regions({1: (0, 0, 20, 10)}), "quarter": regions({1: (0, 0, 20, 10)})}
    files = {f"images/{name}.jpg": photo(3 if name == "half" else 6) for name in masks}
    files |= {f"masks/{name}.png": encode_image(mask) for name, mask in masks.items()}
    assert corner(Converted(files).masks["half"]) == "lower right"
    files["masks/quarter.png"] = encode_image(masks["quarter"].transpose(Image.Transpose.ROTATE_90))
    assert corner(Converted(files).masks["half"]) == "upper left"


# Mask files


def mask_set(masks: dict[str, Image.Image | bytes], **more: bytes | str) -> dict[str, bytes | str]:
    files = {f"images/{name}.jpg": photo(seed=n) for n, name in enumerate(masks)}
    files |= {f"masks/{n}.png": mask if isinstance(mask, bytes) else encode_image(mask) for n, mask in masks.items()}
    return files | {f"{name}.txt": content for name, content in more.items()}


BINARY = {name: regions({255: CRACK}) for name in "ab"}


@pytest.mark.parametrize(
    "lines",
    ["background\ncrack\n", "crack\n", "crack\nbackground\n", "\ufeffbackground\r\ncrack\r\n",
     "0 background\n1 crack", "1: crack", "# ours\n_background_\ncrack"],
)  # fmt: skip
def test_binary_masks_with_class_names_are_read(folder: Path, lines: str) -> None:
    assert Converted(mask_set(BINARY, classes=lines)).pixels == {"crack": 400}


def test_binary_masks_in_other_image_modes_are_read(folder: Path) -> None:
    white = Image.fromarray(np.array(BINARY["a"], np.uint16) * 257)
    colours = {
        "16 bit": white,
        "RGB": regions({(255, 255, 255): CRACK}, (0, 0, 0), "RGB"),
        "RGBA": regions({(255, 255, 255, 255): CRACK}, (0, 0, 0, 255), "RGBA"),
        "LA": regions({(255, 255): CRACK}, (0, 255), "LA"),
        "one bit": regions({1: CRACK}, 0, "1"),
    }
    for mode, mask in colours.items():
        assert list(Converted(mask_set({"a": mask})).pixels.values()) == [200], mode
    transparent = regions({(255, 255, 255, 0): CRACK}, (0, 0, 0, 255), "RGBA")
    assert "transparency that varies" in refusal(mask_set({"a": transparent}))
    assert "is RGB, not single-channel" in refusal(mask_set({"a": regions({(9, 8, 7): CRACK}, (0, 0, 0), "RGB")}))


def test_binary_masks_with_too_many_class_names_are_refused(folder: Path) -> None:
    assert "names 2 classes beside the background" in refusal(mask_set(BINARY, classes="background\na\nb"))
    assert "annotations.classes: names 2 classes" in refusal(mask_set(BINARY), classes=["a", "b"])


def test_binary_masks_with_different_values_need_a_threshold(folder: Path) -> None:
    masks = {"a": regions({1: CRACK}), "b": regions({255: CRACK})}
    for files in (mask_set(masks), mask_set(masks, classes="background\ncrack")):
        assert "is of 0 and 1, but 1 others are of 0 and 255" in refusal(files)
        assert list(Converted(files, threshold=1).pixels.values()) == [400]


def soft_masks(kind: str) -> dict[str, bytes | str]:
    mask = regions({255: CRACK})
    if kind == "JPEG":
        content = encode_image(mask, "JPEG", quality=60)
    else:
        content = encode_image(mask.resize((WIDTH * 3, HEIGHT * 3), Image.Resampling.BICUBIC).resize(mask.size))
    suffix = "jpg" if kind == "JPEG" else "png"
    return {"images/a.jpg": photo(), f"masks/a.{suffix}": content}


@pytest.mark.parametrize("kind", ["JPEG", "resized"])
@pytest.mark.parametrize("names", [None, "background\ncrack\n"])
def test_soft_masks_need_a_threshold(folder: Path, kind: str, names: str | None) -> None:
    files = soft_masks(kind) | ({"classes.txt": names} if names else {})
    message = refusal(files)
    assert "masks/a." in message and "saved as JPEG: set annotations.threshold" in message
    assert list(Converted(files, threshold=128).pixels.values()) == [pytest.approx(200, abs=10)]


def test_values_that_are_no_class_ids_are_refused(folder: Path) -> None:
    assert "look like shades of grey" in refusal(mask_set({"a": regions({38: CRACK, 75: RUST})}))
    large = Image.fromarray(np.array(regions({1: CRACK}), np.uint16) * 700)
    assert "masks/b.png: has the value 700" in refusal(mask_set({"a": regions({1: CRACK}), "b": large}))
    huge = Image.fromarray(np.array(regions({1: CRACK}), np.int32) * 70_000)
    files = {"images/a.jpg": photo(), "masks/a.tif": encode_image(huge, "TIFF")}
    assert "masks/a.tif: has values from 0 to 70000" in refusal(files)
    assert "does not decode as an image" in refusal(mask_set({"a": b"\x89PNG\r\n\x1a\nxx"}))


def test_class_ids_with_gaps_are_read(folder: Path) -> None:
    assert Converted(mask_set({"a": regions({7: CRACK, 26: RUST})})).pixels["class 26"] == 100


def voc_set(mask: Image.Image, masks: str = "SegmentationClass", **more: bytes | str) -> dict[str, bytes | str]:
    files = {"JPEGImages/a.jpg": photo(), f"{masks}/a.png": encode_image(mask)}
    return files | {f"{name}.txt": content for name, content in more.items()}


def palette(areas: dict) -> Image.Image:
    image = regions(areas, 0, "P")
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    return image


@pytest.mark.parametrize("name", ["class_names", "classes", "labels"])
@pytest.mark.parametrize("masks", ["SegmentationClass", "SegmentationClassPNG"])
def test_voc_layout_with_class_names_is_read(folder: Path, name: str, masks: str) -> None:
    first = "__ignore__\n_background_" if name == "labels" else "_background_"
    files = voc_set(palette({1: CRACK, 2: RUST}), masks, **{name: f"{first}\ncrack\nrust\n"})
    assert Converted(files).pixels == {"crack": 200, "rust": 100}


def test_voc_layout_without_class_names_is_read(folder: Path, capsys: pytest.CaptureFixture) -> None:
    files = voc_set(palette({1: CRACK, 2: RUST}))
    files["ImageSets/Segmentation/train.txt"] = "a\n"
    assert Converted(files).pixels == {"class 1": 200, "class 2": 100}
    assert "no list names the classes" in capsys.readouterr().out
    pascal_files = {name.replace("a.", "2007_000032."): content for name, content in files.items() if "/a." in name}
    pascal_files["ImageSets/Segmentation/train.txt"] = "2007_000032\n"
    assert Converted(pascal_files).pixels["aeroplane"] == 200
    assert "named as Pascal VOC's" in capsys.readouterr().out


def test_image_in_two_split_lists_is_refused(folder: Path) -> None:
    files = voc_set(palette({1: CRACK}), class_names="background\ncrack")
    files |= {"ImageSets/Segmentation/train.txt": "a\n", "ImageSets/Segmentation/val.txt": "a\n"}
    assert "a is in the list of the" in refusal(files)


CVAT = "# label:color_rgb:parts:actions\nCat:48,112,32::\nbackground:0,0,0::\nDog:176,112,32::\n"


def test_masks_in_the_colours_of_a_labelmap_are_read(folder: Path) -> None:
    coloured = regions({(48, 112, 32): CRACK, (176, 112, 32): RUST}, (0, 0, 0), "RGB")
    indexed = coloured.quantize(4)
    for mask in (coloured, indexed):
        assert Converted(voc_set(mask, labelmap=CVAT)).pixels == {"Cat": 200, "Dog": 100}
    strange = regions({(1, 2, 3): CRACK}, (0, 0, 0), "RGB")
    assert "colour [1, 2, 3] at (5, 5) is of no class" in refusal(voc_set(strange, labelmap=CVAT))
    colours = {"Cat": [48, 112, 32], "Dog": [176, 112, 32]}
    assert Converted(voc_set(coloured), colours=colours).pixels == {"Cat": 200, "Dog": 100}


def test_contradicting_class_lists_are_refused(folder: Path) -> None:
    files = mask_set({"a": regions({1: CRACK})}, classes="background\ncrack", labels="background\nrust")
    assert "names other classes than classes.txt" in refusal(files)
    assert "has the class 'crack' twice" in refusal(mask_set(BINARY, classes="background\ncrack\ncrack"))


def test_split_folders_in_the_folders_of_images_and_masks_are_read(folder: Path) -> None:
    for masks in ("masks", "labels", "annotations"):
        files = {f"set/images/{split}/a.jpg": photo() for split in ("train", "val")}
        files |= {f"set/{masks}/{split}/a.png": encode_image(regions({1: CRACK})) for split in ("train", "val")}
        assert {pair.split for pair in Converted(files).source.pairs} == {"train", "validation"}


def test_images_and_masks_may_differ_in_case(folder: Path) -> None:
    mask = encode_image(regions({1: CRACK}))
    assert Converted({"images/A.JPG": photo(), "masks/a.PNG": mask}).pixels == {"class 1": 200}
    assert "keep one of them" in refusal({"images/a.jpg": photo(), "images/a.png": photo(), "masks/a.png": mask})


# Recognition of the format


def test_unrelated_json_file_is_ignored(folder: Path) -> None:
    files = mask_set({"a": regions({1: CRACK, 2: RUST})}, classes="background\ncrack\nrust\n")
    files["dataset-metadata.json"] = json.dumps({"title": "cracks"})
    assert Converted(files).pixels == {"crack": 200, "rust": 100}
    labelled = one_shape("rectangle", CORNERS)
    assert Converted({**labelled, "dataset-metadata.json": "{}"}).pixels == {"cover": 400}
    assert "a.json: is not LabelMe's" in refusal(
        {**labelled, "b.jpg": photo(), "b.json": labelled["a.json"], "a.json": "{}"}
    )


def test_format_with_more_images_is_taken_and_a_tie_is_refused(folder: Path, capsys: pytest.CaptureFixture) -> None:
    masks = mask_set({"a": regions({1: CRACK})})
    files = {**masks, "images/a.json": labelme("a.jpg", [shape("cat", CORNERS)], WIDTH, HEIGHT)}
    message = refusal(files)
    assert "may be of the formats labelme and png" in message and "--format" in message
    assert Converted(files, format="png").pixels == {"class 1": 200}
    more = {**files, "more/b.jpg": photo(), "more/b.json": labelme("b.jpg", [], WIDTH, HEIGHT)}
    assert Converted(more).source.format == "labelme" and "it may also be png" in capsys.readouterr().out


def test_threshold_without_grey_masks_is_refused(folder: Path) -> None:
    message = refusal(one_shape("rectangle", CORNERS), threshold=9)
    assert "annotations: threshold = 9: is used by png and voc, not by labelme; remove it" in message


def test_encodings_of_text_files_are_recognized(folder: Path) -> None:
    names = "背景\n裂缝\n锈蚀\n"
    for content in (names.encode("utf-16"), names.encode("utf-8-sig"), names.encode("gb18030")):
        converted = Converted(mask_set({"a": regions({1: CRACK, 2: RUST})}) | {"classes.txt": content})
        assert converted.pixels == {"裂缝": 200, "锈蚀": 100}
    shapes = [shape("锈蚀", [[30, 25], [39, 34]], "rectangle"), shape("裂缝", [[10, 5], [29, 24]], "rectangle")]
    annotation = labelme("a.jpg", shapes, WIDTH, HEIGHT)
    text = json.dumps(json.loads(annotation), ensure_ascii=False)
    for content in (text.encode("utf-8-sig"), text.encode("utf-16"), text.encode("gb18030")):
        assert Converted({"a.jpg": photo(), "a.json": content}).pixels == {"裂缝": 400, "锈蚀": 100}
    single = text.replace("锈蚀", "é").replace("裂缝", "°")  # UTF-8, although it has only two letters beyond ASCII
    assert Converted({"a.jpg": photo(), "a.json": single}).pixels == {"°": 400, "é": 100}
    few = text.replace("锈蚀", "rust").encode("gb18030")  # two letters could be Korean, too
    assert "a.json: its encoding may be gb18030 or" in refusal({"a.jpg": photo(), "a.json": few})


def test_16_bit_images_are_scaled_to_8_bits(folder: Path) -> None:
    """Values are divided by 257, not cut off at 255."""
    grey = np.linspace(0, 65535, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)
    files = {"images/a.png": png_bytes(grey), "masks/a.png": encode_image(regions({1: CRACK}))}
    Converted(files)
    [path] = Path("images").iterdir()
    assert (read_image(path)[..., 0] == np.round(grey / 257)).all()
