"""Annotated images written in the layouts of tools and read again."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import CLASSES, ROOT, jpeg_bytes, labelme, noise, png_bytes, run, shape
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as rasterize
from pycocotools.coco import COCO
from small_runs import classification, prepare_classes, prepare_scenes, segmentation, trained
from test_commands import place_model, write_files

from darkroom.annotations.draw import MaskJob, draw_masks
from darkroom.annotations.formats._base import DrawnShape
from darkroom.annotations.formats.labelme import LabelMe
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.shapes import Convention, Polygon, Region, Shape, find_pixels, ring, turned_upright
from darkroom.annotations.source import read_source
from darkroom.annotations.writers._base import DrawnImage, Writer, Written, load_writer
from darkroom.annotations.writers._outlines import join_rings, trace_edges
from darkroom.archives.index import list_files
from darkroom.commands.masks import convert_masks
from darkroom.commands.predict import predict
from darkroom.common.errors import UserError
from darkroom.common.files import read_json
from darkroom.common.named import names_in
from darkroom.datasets.pairs import read_image, read_mask

HEIGHT, WIDTH = 60, 80
IGNORED = 255
LAYOUTS = names_in("darkroom.annotations.writers")
Named = dict[str, np.ndarray]  # masks of class names by the names of images


def masks_of(source: Path, **values) -> Named:
    """Read a folder, and return its masks with class names in place of ids."""
    parameters = AnnotationParameters(**values)
    found = read_source(parameters, list_files(source), "annotations", str(source))
    folder = Path("masks of", *source.parts)
    jobs = [MaskJob(pair, folder / f"{pair.split}-{pair.name}.png", None) for pair in found.pairs]
    folder.mkdir(parents=True, exist_ok=True)
    draw_masks(found, jobs, parameters)
    names = np.array(found.classes.names + [""] * (IGNORED - len(found.classes.names)) + ["ignored"])
    return {job.mask.stem: names[read_mask(job.mask)] for job in jobs if job.mask is not None}


def yolo_masks(folder: Path) -> Named:
    """Draw YOLO's label files, larger outlines first, as pycocotools draws."""
    names = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))["names"]
    masks = {}
    for path in sorted(folder.glob("images/*/*")):
        image = Image.open(path)
        found = []
        for line in (folder / "labels" / path.parent.name / f"{path.stem}.txt").read_text().splitlines():
            number, *coordinates = line.split()
            assert all(0 <= float(one) <= 1 for one in coordinates) and len(coordinates) >= 8
            outline = np.array(coordinates, float).reshape(-1, 2) * image.size
            pixels = find_pixels(Polygon((outline,)), image.size, Convention.PYCOCOTOOLS, "")
            found.append((names[int(number)], pixels))
        mask = np.full(image.size[::-1], "background", dtype="U40")
        for name, region in sorted(found, key=lambda one: -int(one[1].pixels.sum())):
            mask[region.slices][region.pixels] = name
        split = {"val": "validation"}.get(path.parent.name, path.parent.name)
        masks[f"{split}-{path.stem}"] = mask
    return masks


def read_again(folder: Path, to: str) -> Named:
    if to == "yolo":
        return yolo_masks(folder)
    if to == "png":
        names = [entry["name"] for entry in read_json(folder / "report.json")["classes"]]
        table = np.array(names + [""] * (IGNORED - len(names)) + ["ignored"])
        masks = folder / "masks"
        return {
            f"{path.parent.name if path.parent != masks else None}-{path.stem}": table[read_mask(path)]
            for path in masks.rglob("*.png")
        }
    return masks_of(folder, format=to)


def without_ignored(masks: Named) -> Named:
    return {name: np.where(mask == "ignored", "background", mask) for name, mask in masks.items()}


def differing(one: Named, other: Named) -> int:
    """The number of pixels that differ; the images must be the same ones."""
    assert one.keys() == other.keys()
    return sum(int((one[name] != other[name]).sum()) for name in one)


def mask_sources() -> dict[str, dict[str, bytes | str]]:
    """A png and a voc folder with holes, nested and touching regions, lone pixels and ignored pixels."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[5:40, 5:50] = 1
    mask[10:35, 10:45] = 0
    mask[12:30, 12:30] = 2
    mask[15:20, 15:20] = 1
    mask[17, 17] = 0
    mask[50:58, 60:80] = IGNORED
    mask[52:55, 65:70] = 3
    mask[np.arange(10), 60 + np.arange(10)] = 2
    mask[np.arange(10), 69 - np.arange(10)] = 1
    mask[0, 0] = mask[59, 79] = mask[59, 0] = 3
    random = np.random.default_rng(0).choice([0, 1, 2, 3, IGNORED], (HEIGHT, WIDTH)).astype(np.uint8)
    masks = {"train": {"nested": mask, "a b": np.zeros_like(mask)}, "val": {"random": random, "nested": mask[::-1]}}
    names = "background\nzebra\n猫\nant\n"
    png: dict[str, bytes | str] = {"classes.txt": names}
    voc: dict[str, bytes | str] = {"class_names.txt": names}
    for split, some in masks.items():
        listed = []
        for name, values in some.items():
            png[f"{split}/images/{name}.png"] = png_bytes(noise(HEIGHT, WIDTH))
            png[f"{split}/masks/{name}.png"] = png_bytes(values)
            name = f"{split} {name}"
            listed.append(name)
            voc[f"JPEGImages/{name}.jpg"] = jpeg_bytes(noise(HEIGHT, WIDTH))
            voc[f"SegmentationClass/{name}.png"] = png_bytes(values)
        voc[f"ImageSets/Segmentation/{split}.txt"] = "\n".join(listed)
    return {"png": png, "voc": voc}


def labelme_source() -> dict[str, bytes | str]:
    """Overlapping shapes of all kinds, with background and ignored pixels over them, and groups."""
    shapes = [
        shape("wall", [[2.5, 3.2], [60.1, 5.9], [70.3, 50.7], [4.4, 55.5]]),
        shape("door", [[10.2, 10.7], [40.9, 12.1], [38.3, 44.6]]),
        shape("wall", [[15, 15], [22, 21]], "rectangle"),
        shape("crack", [[5, 50], [30, 20], [75, 40]], "linestrip"),
        shape("_background_", [[50, 10], [58, 18]], "rectangle"),
        shape("__ignore__", [[60, 45], [75, 55]], "rectangle"),
        shape("door", [[30, 30], [36, 30]], "circle"),
        shape("knob", [[66.2, 3.1], [76.8, 3.3], [76.1, 9.9], [66.6, 9.2]], group_id=4),
        shape("knob", [[66.2, 13.1], [76.8, 13.3], [76.1, 19.9], [66.6, 19.2]], group_id=4),
        shape("knob", [[3, 3], [3.4, 3.1], [3.1, 3.4]]),
    ]
    return {"a.jpg": jpeg_bytes(noise(HEIGHT, WIDTH)), "a.json": labelme("a.jpg", shapes, WIDTH, HEIGHT)}


def coco_source() -> dict[str, bytes | str]:
    """Overlapping polygons, a separate part, run lengths with a hole, and an image without objects."""
    runs = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    runs[20:50, 40:75] = 1
    runs[25:45, 45:70] = 0
    rle = rasterize.encode(runs)
    segmentations = {
        1: [[2.5, 3.25, 60.1, 5.9, 70.3, 50.7, 4.4, 55.5]],
        2: [[10.2, 10.7, 40.9, 12.1, 38.3, 44.6], [50.5, 50.5, 58.5, 50.5, 58.5, 57.5, 50.5, 57.5]],
        3: {"size": rle["size"], "counts": rle["counts"].decode()},
    }
    content = {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": WIDTH, "height": HEIGHT} for n in (7, 8)],
        "annotations": [
            {"id": n, "image_id": 7, "category_id": n, "segmentation": one} for n, one in segmentations.items()
        ],
        "categories": [{"id": n, "name": f"class {n}"} for n in (1, 2, 3, 4)],
    }
    files: dict[str, bytes | str] = {f"{n}.jpg": jpeg_bytes(noise(HEIGHT, WIDTH)) for n in (7, 8)}
    return files | {"instances.json": json.dumps(content)}


SOURCES = {**mask_sources(), "labelme": labelme_source(), "coco": coco_source()}
DRAWS_OTHERWISE = {("labelme", "coco"), ("labelme", "yolo"), ("coco", "labelme")}


@pytest.mark.parametrize("to", LAYOUTS)
@pytest.mark.parametrize("source", SOURCES)
def test_what_is_written_is_read_again(folder: Path, capsys: pytest.CaptureFixture[str], source: str, to: str) -> None:
    write_files(SOURCES[source], Path("own"))
    convert_masks(Path("own"), Path("out"), {}, to=to)
    told = capsys.readouterr().out.splitlines()[-1]
    before = masks_of(Path("own"))
    after = read_again(Path("out"), to)
    if to == "yolo" and source in ("labelme", "coco"):
        assert "the source has no splits" in told
        before = {name.replace("None-", "train-"): mask for name, mask in before.items()}
    if to == "voc" and source == "png":  # the folder of all splits has each name once
        before["train-train_images_nested"] = before.pop("train-nested")
        before["validation-val_images_nested"] = before.pop("validation-nested")
    if to in ("coco", "yolo"):
        ignored = sum(int((mask == "ignored").sum()) for mask in before.values())
        assert (f"{ignored:,} ignored pixels became background" in told) == (ignored > 0)
        before = without_ignored(before)
    count = differing(before, after)
    if (source, to) in DRAWS_OTHERWISE:
        assert 0 < count < 0.1 * HEIGHT * WIDTH
        assert f"{count:,} pixels along edges of polygons differ" in told
    else:
        assert count == 0 and "differ," not in told
    assert not list(Path().glob(".out*"))


def corners_of_coco(entries: list[dict]) -> list[list[float]]:
    return [part for one in entries if isinstance(one["segmentation"], list) for part in one["segmentation"]]


def test_polygons_keep_their_corners(folder: Path) -> None:
    write_files(labelme_source(), Path("own"))
    for to in ("coco", "yolo", "labelme"):
        convert_masks(Path("own"), Path(to), {}, to=to)
    shapes = json.loads(Path("own/a.json").read_text())["shapes"]
    polygons = [one["points"] for one in shapes if one["shape_type"] == "polygon"]
    written = json.loads(Path("labelme/a.json").read_text(encoding="utf-8"))["shapes"]
    assert [one["points"] for one in written if one["points"] in polygons] == polygons, "in their order"
    assert [one["label"] for one in written][:2] == ["wall", "door"]
    groups = [one["group_id"] for one in written if one["label"] == "knob"]
    assert groups[0] == groups[1] and groups[2] is None
    wall, door, *knobs, dot = (np.ravel(one).tolist() for one in polygons)
    entries = json.loads(Path("coco/annotations/instances.json").read_text(encoding="utf-8"))["annotations"]
    kept = corners_of_coco(entries)
    assert all(one in kept for one in knobs), "COCO has both as one object"
    assert not any(one in kept for one in (wall, door)), "others of another class lie over them"
    assert dot not in kept, "pycocotools draws nothing of it, so its pixel is kept"
    lines = [
        np.array(line.split()[1:], float).reshape(-1, 2) * (WIDTH, HEIGHT)
        for line in Path("yolo/labels/train/a.txt").read_text().splitlines()
    ]
    [joined] = [line for line in lines if len(line) == 10]
    for points in knobs:
        assert all(np.isclose(joined, point, atol=1e-12).all(axis=1).any() for point in np.reshape(points, (-1, 2)))


def test_polygons_under_smaller_ones_keep_their_corners(folder: Path) -> None:
    """COCO's tools draw smaller objects over larger ones."""
    write_files(SOURCES["coco"], Path("own"))
    convert_masks(Path("own"), Path("out"), {}, to="coco")
    before, after = (
        corners_of_coco(json.loads(Path(name).read_text())["annotations"])
        for name in ("own/instances.json", "out/annotations/instances.json")
    )
    assert after == before


def test_coco_files_open_in_pycocotools(folder: Path) -> None:
    write_files(SOURCES["coco"], Path("own"))
    convert_masks(Path("own"), Path("out"), {}, to="coco")
    read = COCO("out/annotations/instances.json")
    assert [read.cats[n]["name"] for n in sorted(read.cats)] == ["class 1", "class 2", "class 3", "class 4"]
    assert sorted(Path("out/images", one["file_name"]).is_file() for one in read.imgs.values()) == [True, True]
    for entry in read.anns.values():
        mask = read.annToMask(entry)
        assert entry["area"] == mask.sum() and entry["iscrowd"] == 0
        assert entry["bbox"] == rasterize.toBbox(rasterize.encode(np.asfortranarray(mask))).tolist()
    assert len({entry["id"] for entry in read.anns.values()}) == len(read.anns) == 3


def test_voc_files_have_colours_objects_and_lists(folder: Path) -> None:
    write_files(SOURCES["labelme"], Path("own"))
    convert_masks(Path("own"), Path("out"), {}, to="voc")
    image = Image.open("out/SegmentationClass/a.png")
    assert image.mode == "P" and image.getpalette()[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
    assert image.getpalette()[-3:] == [224, 224, 192]
    objects = np.asarray(Image.open("out/SegmentationObject/a.png"))
    mask = np.asarray(image)
    assert ((objects == IGNORED) == (mask == IGNORED)).all() and ((objects > 0) == (mask > 0)).all()
    assert Path("out/ImageSets/Segmentation/trainval.txt").read_text() == "a\n"
    assert Path("out/class_names.txt").read_text() == "_background_\ncrack\ndoor\nknob\nwall\n"
    write_files(SOURCES["png"], Path("masks"))
    convert_masks(Path("masks"), Path("lists"), {}, to="voc")
    assert Path("lists/ImageSets/Segmentation/train.txt").read_text() == "a b\ntrain_images_nested\n"
    assert not Path("lists/SegmentationObject").exists()


def test_class_0_that_is_no_background_is_written(folder: Path) -> None:
    values = np.repeat(np.arange(4, dtype=np.uint8), 9).reshape(4, 9)
    values[1, 4] = IGNORED
    files = {
        "images/a.png": png_bytes(noise(4, 9)),
        "masks/a.png": png_bytes(values),
        "classes.txt": "sky\nroad\ncar\nox",
    }
    write_files(files, Path("own"))
    [before] = masks_of(Path("own")).values()
    assert before[0, 0] == "sky" and before[1, 4] == "ignored"
    for to in ("coco", "labelme", "voc", "yolo"):
        convert_masks(Path("own"), Path(to), {}, to=to)
        [after] = read_again(Path(to), to).values()
        expected = np.where(before == "ignored", "background", before) if to in ("coco", "yolo") else before
        assert (after == expected).all(), to


def test_instances_are_written_where_the_source_has_them(folder: Path) -> None:
    write_files(SOURCES["labelme"], Path("own"))
    convert_masks(Path("own"), Path("out"), {}, with_objects=True)
    image = Image.open("out/objects/a.png")
    objects, mask = np.asarray(image), read_mask(Path("out/masks/a.png"))
    assert image.mode == "I;16" and ((objects > 0) == ((mask > 0) & (mask < IGNORED))).all()
    names = [entry["name"] for entry in read_json(Path("out/report.json"))["classes"]]
    assert len(np.unique(objects[mask == names.index("knob")])) == 2, "two of the three knobs are one group"
    write_files(SOURCES["png"], Path("masks"))
    with pytest.raises(UserError, match="png does not tell objects of a class from each other; .*coco.*labelme.* do$"):
        convert_masks(Path("masks"), Path("more"), {}, with_objects=True)
    with pytest.raises(UserError, match="--instances: is for --to png"):
        convert_masks(Path("own"), Path("more"), {}, to="coco", with_objects=True)
    assert not Path("more").exists()


@pytest.mark.parametrize("to", LAYOUTS)
def test_nothing_is_half_written(folder: Path, to: str) -> None:
    bad = {**SOURCES["labelme"], "b.jpg": jpeg_bytes(noise(9, 9)), "b.json": labelme("b.jpg", [], WIDTH, HEIGHT)}
    write_files(bad, Path("own"))
    with pytest.raises(UserError, match="b.json: was drawn on 80×60"):
        convert_masks(Path("own"), Path("out"), {}, to=to)
    assert [path.name for path in Path().iterdir()] == ["own"]
    convert_masks(Path("own"), Path("out"), {"skip_bad": True}, to=to)
    with pytest.raises(UserError, match="out: exists already"):
        convert_masks(Path("own"), Path("out"), {}, to=to)
    assert not list(Path("out").rglob("b.json")) and not list(Path("out").rglob("b.txt"))


@pytest.mark.parametrize(
    ("to", "name", "message"),
    [("labelme", "__ignore__", "LabelMe ignores"), ("voc", "#1", "cannot be"), ("voc", "a\nb", "cannot be")],
)  # fmt: skip
def test_class_names_that_a_layout_cannot_hold_are_refused(folder: Path, to: str, name: str, message: str) -> None:
    files = {
        n: c.replace("class 1", json.dumps(name)[1:-1]) if isinstance(c, str) else c for n, c in coco_source().items()
    }
    write_files(files, Path("own"))
    with pytest.raises(UserError, match=message) as refused:
        convert_masks(Path("own"), Path("out"), {}, to=to)
    assert "\n" not in str(refused.value) and not Path("out").exists()


def test_labelme_says_what_it_loses(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_files(SOURCES["coco"], Path("own"))
    convert_masks(Path("own"), Path("out"), {"classes": ["class 4", "class 1", "class 2", "class 3"]}, to="labelme")
    told = capsys.readouterr().out.splitlines()[-1]
    assert "1 classes have no shape: class 4" in told and "labels.txt has it" in told
    assert "1 shapes with holes are LabelMe's masks" in told
    assert Path("out/labels.txt").read_text().splitlines()[:3] == ["__ignore__", "_background_", "class 4"]


def test_predictions_go_back_into_labelme(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What LabelMe's files draw is what the masks hold. Images that cannot be used are left out of both."""
    prepare_scenes()
    trained(segmentation(epochs=6, batch_size=2, lr=0.003))
    place_model("own")
    write_files(
        {"new/a.jpg": jpeg_bytes(noise(40, 52)), "new/b.png": png_bytes(noise(33, 32, 1)), "new/c.png": b"x"}, Path()
    )
    for to in ("png", "labelme", "yolo"):
        with pytest.raises(UserError, match="^1 of 3 images cannot be used"):
            predict("own", ["new"], None, Path(to), True, to)
    assert "images/train" in capsys.readouterr().err
    again = masks_of(Path("labelme"))
    names = np.array(["background", *CLASSES])
    files = {path.name for path in Path("labelme").iterdir()}
    assert files == {"a.jpg", "a.json", "b.png", "b.json", "labels.txt"}
    for name in "ab":
        mask = names[read_mask(Path(f"png/masks/{name}.png"))]
        assert (again[f"None-{name}"] == mask).all() and (yolo_masks(Path("yolo"))[f"train-{name}"] == mask).all()
    assert Path("labelme/a.jpg").read_bytes() == Path("new/a.jpg").read_bytes()
    with pytest.raises(UserError, match="labelme: exists already"):
        predict("own", ["new"], None, Path("labelme"), True, "labelme")


def test_predictions_of_a_classification_have_no_layout(folder: Path) -> None:
    prepare_classes()
    trained(classification(epochs=1))
    place_model("own")
    write_files({"a.png": png_bytes(noise(32, 32))}, Path("new"))
    with pytest.raises(UserError, match="own: is a classification; --to labelme is for"):
        predict("own", ["new"], None, Path("out"), False, "labelme")


def test_command_line(folder: Path) -> None:
    write_files(labelme_source(), folder / "own")
    arguments = ["python", "-m", "darkroom", "masks", str(folder / "own")]
    done = run(ROOT, *arguments, str(folder / "coco"), "--to", "coco")
    assert done.returncode == 0 and "1 masks from labelme as coco" in done.stdout, done.stderr
    done = run(ROOT, *arguments, str(folder / "png"), "--instances")
    assert done.returncode == 0 and (folder / "png/objects/a.png").is_file(), done.stderr
    assert sorted(path.name for path in (folder / "png").iterdir()) == [
        "check.html", "masks", "objects", "report.json",
    ]  # fmt: skip


@pytest.mark.parametrize("orientation", range(2, 9))
def test_polygons_turn_with_their_photo(folder: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    points = [[10, 5], [60, 5], [60, 20], [30, 40], [10, 20]]
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [np.ravel(points).tolist()]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    write_files({"a.jpg": jpeg_bytes(noise(HEIGHT, WIDTH), exif=exif), "a.json": json.dumps(content)}, Path("own"))
    convert_masks(Path("own"), Path("out"), {"exif": "stored"}, to="coco")
    [entry] = json.loads(Path("out/annotations/instances.json").read_text())["annotations"]
    assert np.array(entry["segmentation"]).size == 10
    before = masks_of(Path("own"), exif="stored")["None-a"]
    after = masks_of(Path("out"))["None-a"]
    image = read_image(Path("out/images/a.png"))
    assert before.shape == after.shape == image.shape[:2]
    union = (before == "cat") | (after == "cat")
    assert ((before == "cat") & (after == "cat")).sum() / union.sum() > 0.97


def test_turned_points_lie_on_the_same_pixels() -> None:
    stored = np.zeros((4, 6), np.uint8)
    stored[0:1, 1:3] = 1
    for orientation in range(2, 9):
        image = Image.fromarray(stored)
        image.getexif()[0x0112] = orientation
        from PIL import ImageOps

        upright = np.asarray(ImageOps.exif_transpose(image))
        geometry = turned_upright(Polygon((ring([(1, 0), (3, 0), (3, 1), (1, 1)]),)), (6, 4), orientation)
        region = find_pixels(geometry, upright.shape[::-1], Convention.PYCOCOTOOLS, "")
        drawn = np.zeros_like(upright)
        drawn[region.slices][region.pixels] = 1
        assert (drawn == upright).all(), orientation


# Random masks


@st.composite
def masks(draw) -> np.ndarray:
    """Small masks: noise, or boxes one over another."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    values = st.sampled_from([0, 1, 2, 3, IGNORED])
    if draw(st.booleans()):
        cells = draw(st.lists(values, min_size=height * width, max_size=height * width))
        return np.array(cells, np.uint8).reshape(height, width)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(draw(st.integers(1, 6))):
        rows, columns = (sorted(draw(st.tuples(st.integers(0, end), st.integers(0, end)))) for end in (height, width))
        mask[slice(*rows), slice(*columns)] = draw(values)
    return mask


def writer_of(to: str) -> Writer:
    writer = load_writer(to)(Path(to), ["background", "a", "b", "c"])
    writer.image_folder(None).mkdir(parents=True, exist_ok=True)
    return writer


def drawn_again(to: str, writer: Writer, image: DrawnImage) -> tuple[np.ndarray, Written]:
    """Write an image, and return the mask that the files of a layout draw."""
    written = writer.write(image)
    found: list[tuple[int, Region]] = []
    if to == "coco":
        for entry in written.content:
            segmentation = entry["segmentation"]
            if isinstance(segmentation, list):
                segmentation = rasterize.merge(rasterize.frPyObjects(segmentation, *image.size[::-1]))
            found.append((entry["category_id"], Region(0, 0, rasterize.decode(segmentation).astype(bool))))
    if to == "yolo":
        for line in Path("yolo/labels/train/i.txt").read_text().splitlines():
            number, *coordinates = line.split()
            outline = np.array(coordinates, float).reshape(-1, 2) * image.size
            found.append((int(number) + 1, find_pixels(Polygon((outline,)), image.size, Convention.PYCOCOTOOLS, "")))
    if to == "labelme":
        from darkroom.annotations.formats.labelme import _read_geometry

        ids = {"_background_": 0, "a": 1, "b": 2, "c": 3, "__ignore__": IGNORED}
        for entry in json.loads(Path("labelme/i.json").read_text())["shapes"]:
            geometry = _read_geometry(entry, "")
            found.append((ids[entry["label"]], find_pixels(geometry, image.size, LabelMe.CONVENTION, "")))
    else:
        found.sort(key=lambda one: -int(one[1].pixels.sum()))
    mask = np.zeros_like(image.mask)
    for class_id, region in found:
        mask[region.slices][region.pixels] = class_id
    return mask, written


@settings(max_examples=300, deadline=None)
@given(masks())
def test_random_masks_come_back(tmp_path_factory: pytest.TempPathFactory, mask: np.ndarray) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.getbasetemp())
        for to in ("coco", "labelme", "yolo"):
            image = DrawnImage("i", None, Path(to, "i.png"), mask)
            expected = mask if to == "labelme" else np.where(mask == IGNORED, 0, mask)
            assert (drawn_again(to, writer_of(to), image)[0] == expected).all(), to


coordinate = st.floats(-3, 23, width=32).map(lambda value: round(value, 1))
corners = st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=6)
polygons = st.lists(st.tuples(st.sampled_from([0, 1, 1, 2, 2, 3, IGNORED]), corners), max_size=6)


@pytest.mark.parametrize("convention", [Convention.PYCOCOTOOLS, Convention.PILLOW])
@settings(max_examples=200, deadline=None)
@given(drawn=polygons)
def test_random_polygons_come_back(
    tmp_path_factory: pytest.TempPathFactory, convention: Convention, drawn: list[tuple[int, list]]
) -> None:
    """Pixels differ only where the tools draw differently, and as many as is said."""
    mask, shapes = np.zeros((20, 20), np.uint8), []
    for class_id, points in drawn:
        geometry = Polygon((ring(points),))
        region = find_pixels(geometry, (20, 20), convention, "")
        mask[region.slices][region.pixels] = class_id
        shapes.append(DrawnShape(class_id, Shape(class_id, geometry, ""), region))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.getbasetemp())
        for to in ("coco", "labelme", "yolo"):
            image = DrawnImage("i", None, Path(to, "i.png"), mask, None, shapes)
            expected = mask if to == "labelme" else np.where(mask == IGNORED, 0, mask)
            again, written = drawn_again(to, writer_of(to), image)
            said = [count for what, count in written.changed.items() if "edges" in what]
            assert np.count_nonzero(again != expected) == sum(said), to
            assert not said or convention is not (Convention.PILLOW if to == "labelme" else Convention.PYCOCOTOOLS)


@settings(max_examples=200, deadline=None)
@given(masks())
def test_outlines_surround_exactly_their_pixels(mask: np.ndarray) -> None:
    pixels = mask == 1
    rings = trace_edges(pixels)
    inside = np.zeros(pixels.shape, bool)
    for one in rings:
        crossings = np.zeros((pixels.shape[0], pixels.shape[1] + 1), int)
        for (x, y), (other_x, other_y) in zip(one, np.roll(one, -1, axis=0), strict=True):
            assert (x == other_x) != (y == other_y)
            if x == other_x:
                crossings[int(min(y, other_y)) : int(max(y, other_y)), int(x)] += 1
        inside ^= crossings.cumsum(axis=1)[:, :-1] % 2 == 1
    assert (inside == pixels).all()
    if rings:
        assert {tuple(point) for one in rings for point in one} == {tuple(point) for point in join_rings(rings)}
