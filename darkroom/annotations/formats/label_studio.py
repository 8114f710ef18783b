"""JSON and JSON-MIN exports of Label Studio, and the files that it writes to a storage, one per annotation.

Polygons, boxes and ellipses, which may be turned, brushes and bitmasks are drawn in the order of the file, later ones
over earlier ones. Cancelled annotations and predictions do not count. Of several annotations of a task the one that is
marked as ground truth counts. An image may have its own name or the one that Label Studio gave it when it was uploaded,
such as `1a2b3c4d-NAME.jpg`. See https://labelstud.io/guide/export.
"""

import io
import json
import re
from collections import defaultdict
from collections.abc import Hashable, Iterable
from pathlib import PurePosixPath
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.formats._base import Orientation, Refuse
from darkroom.annotations.formats._shapes import ShapeFormat
from darkroom.annotations.formats.labelme import decode_base64
from darkroom.annotations.image_index import path_in_url
from darkroom.annotations.pair import IMAGE_SUFFIXES, Size, check_points
from darkroom.annotations.shapes import (
    AnnotatedImage,
    Ellipse,
    Geometry,
    Polygon,
    Runs,
    Shape,
    Stencil,
    ring,
    turned_box,
)
from darkroom.common.errors import UserError
from darkroom.datasets.decode import MOST_PIXELS, UNDECODABLE

JsonObject = dict[str, Any]  # its values are checked where they are used

UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")  # names that Label Studio gives to uploaded files
TASK_KEYS = ("annotations", "completions")  # the second one of old versions
MIN_KEYS = {"annotation_id", "annotator", "lead_time"}  # of each task of JSON-MIN
# What stands in a file: in a full export, in one of old versions, in JSON-MIN, and in a storage.
KEYS_IN_FILES = (("annotations", "data"), ("completions", "data"), MIN_KEYS, ("result", "task", "data"))
# Kinds of regions: the type of a result without `labels` at its end.
KINDS = {"rectangle", "polygon", "ellipse", "brush", "magicwand", "bitmask"}
NO_REGIONS = {"keypoint": "a key point", "vector": "a line", "videorectangle": "a box in a video"}
IN_REGIONS = {
    "choices",
    "text",
    "rating",
    "number",
    "taxonomy",
    "datetime",
}  # keys of what is said of a region
CHANNELS, ALPHA = 4, 3  # of a brush's pixels: red, green, blue, and the opacity
FEW = 64  # numbers that are read one by one


class LabelStudio(ShapeFormat):
    """Label Studio's exports. Browsers turn a photo upright before one draws on it."""

    TITLE: ClassVar[str] = "Label Studio"
    ORIENTATION: ClassVar[Orientation | None] = "seen"

    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether a JSON file is a list of tasks."""
        if not any(file.may_have(*keys) for keys in KEYS_IN_FILES):
            return False
        tasks = _tasks(file)
        return bool(tasks) and all(_is_full(task) or _is_minimal(task) for task in tasks)

    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the images of the tasks with their regions."""
        images = []
        for number, task in enumerate(_tasks(file), 1):
            owner = f"{file}: task {_short(task.get('id', number))}"
            try:
                if _is_full(task):
                    path, results = _image_path(task["data"], owner), _results(task, owner)
                else:
                    path, results = _image_path(task, owner), _minimal_results(task, owner)
                images.append(_read_task(path, results, owner, refuse))
            except UserError as error:
                refuse(str(error))
        return images, {}


def _tasks(file: AnnotationFile) -> list[JsonObject]:
    """Return the tasks of a file, which holds a list of them or one; none of a file of another kind."""
    content = file.json
    tasks = [content] if isinstance(content, dict) else content
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        return []
    return [_task_of_annotation(task) for task in tasks]


def _task_of_annotation(entry: JsonObject) -> JsonObject:
    """Return the task of an annotation, which holds its task in the files of a storage; a task as it is."""
    task = entry.get("task")
    if not isinstance(task, dict) or not isinstance(entry.get("result"), list):
        return entry
    return {"id": task.get("id"), "data": task.get("data"), "annotations": [entry]}


def _is_full(task: JsonObject) -> bool:
    return isinstance(task.get("data"), dict) and any(isinstance(task.get(key), list) for key in TASK_KEYS)


def _is_minimal(task: JsonObject) -> bool:
    return task.keys() >= MIN_KEYS


def _short(value: object) -> str:
    """Return a value of a file as it stands in a message."""
    return repr(value if isinstance(value, int | float | None) else str(value)[:60])


def _image_path(data: JsonObject, owner: str) -> str:
    """Return the path of the image of a task. The image's bare name beside its path is no other image.

    Raises:
        UserError: none of its values is the path of an image, or several are.
    """
    texts = dict.fromkeys(path_in_url(value) for value in data.values() if isinstance(value, str))
    paths = [path for path in texts if path.lower().endswith(IMAGE_SUFFIXES)]
    named = {name for path in paths if "/" in path for name in _names_of(path)}
    paths = [path for path in paths if path not in named]
    if len(paths) != 1:
        which = f"names {len(paths)} images, such as {paths[0]!r}" if paths else "names no image file"
        raise UserError(f"{owner} {which}; give each task one image")
    return paths[0]


def _results(task: JsonObject, owner: str) -> list[JsonObject]:
    """Return the results of the one annotation of a task that counts.

    Raises:
        UserError: there is none, or several might.
    """
    annotations = next(task[key] for key in TASK_KEYS if isinstance(task.get(key), list))
    if not all(isinstance(one, dict) and isinstance(one.get("result"), list) for one in annotations):
        raise UserError(f"{owner} has an annotation without a list of results; export it again")
    kept = [one for one in annotations if not one.get("was_cancelled") and not one.get("skipped")]
    kept = [one for one in kept if one.get("ground_truth") is True] or kept
    if len(kept) > 1:
        by = ", ".join(_short(one.get("id")) for one in kept[:5])
        raise UserError(f"{owner} has {len(kept)} annotations, {by}; mark one as ground truth, or delete the others")
    if not kept:
        what = "only cancelled annotations" if annotations else "no annotation"
        raise UserError(f"{owner} has {what}; label it, or leave it out by skip_bad")
    results: list[JsonObject] = kept[0]["result"]
    if not all(isinstance(one, dict) for one in results):
        raise UserError(f"{owner} has a result that is no object; export it again")
    return results


def _minimal_results(task: JsonObject, owner: str) -> list[JsonObject]:
    """Return the results of a task of JSON-MIN in the form of a full export.

    JSON-MIN lists the regions by control and leaves out their ids. So regions at the same place are one. Of a region
    that was drawn by one control and labelled by another only the second result is returned: these are in order.

    Raises:
        UserError: regions of several classes and controls might cover each other.
    """
    results = []
    for name, values in task.items():
        for value in values if isinstance(values, list) else []:
            if isinstance(value, dict):
                kind = next((key for key in value if key.endswith("labels")), "")
                place = json.dumps(_place(value), sort_keys=True)
                results.append({"type": kind, **value, "id": place, "from_name": name, "value": value})
    labelled = [one for one in results if any(_labels(one))]
    regions = [one for one in labelled if _kind(one) in KINDS]
    controls = list(dict.fromkeys(one["from_name"] for one in regions))
    if len(controls) > 1 and len({label for one in regions for label in _labels(one)}) > 1:
        raise UserError(
            f"{owner} has regions of the controls {_short(controls[0])} and {_short(controls[1])}, and JSON-MIN does "
            "not say which lie on top; export JSON"
        )
    places = {one["id"] for one in labelled}
    return [one for one in results if one["id"] not in places or any(_labels(one))]


def _place(value: JsonObject) -> JsonObject:
    """Return what a result says of where its region is."""
    return {key: number for key, number in value.items() if not key.endswith("labels") and key not in IN_REGIONS}


def _read_task(path: str, results: list[JsonObject], owner: str, refuse: Refuse) -> AnnotatedImage:
    """Return the image of a task with its regions. Results of one id are one region and its labels."""
    labels_of: dict[Hashable, dict[str, None]] = defaultdict(dict)
    for index, result in enumerate(results):
        labels_of[_region_id(result, index)].update(dict.fromkeys(_labels(result)))
    shapes: list[Shape] = []
    sizes: set[Size] = set()
    places_of: dict[Hashable, list[JsonObject]] = defaultdict(list)
    for index, result in enumerate(results):
        kind = _kind(result)
        if kind is None:
            continue  # such as a choice, a text or the labels of a region
        places, place = places_of[_region_id(result, index)], _place(result["value"])
        if place in places:
            continue  # a result of each control that the region has repeats its place
        places.append(place)
        region = f"result[{index}]"
        try:
            labels = list(labels_of[_region_id(result, index)])
            if len(labels) != 1 or not labels[0]:
                which = f"the labels {labels[0]!r} and {labels[1]!r}" if len(labels) > 1 else "no label"
                raise UserError(f"{owner}: {region} has {which}; give it one label")
            region = f"{region}, a {labels[0]}"
            size = _stated_size(result, f"{owner}: {region}")
            shapes.append(Shape(labels[0], _read_geometry(kind, result, size, f"{owner}: {region}"), region))
            sizes.add(size)
        except UserError as error:
            refuse(str(error))
    if len(sizes) > 1:
        raise UserError(f"{owner} has regions drawn on images of several sizes, {sorted(sizes)}; draw them again")
    _, *others = _names_of(path)
    return AnnotatedImage(path, shapes, min(sizes, default=None), other_path=others[0] if others else None)


def _names_of(path: str) -> list[str]:
    """Return the file name in a path, and the one that the file had before it was uploaded."""
    name = PurePosixPath(path.replace("\\", "/")).name
    uploaded = UPLOADED.fullmatch(name)
    return [name, uploaded[1]] if uploaded else [name]


def _region_id(result: JsonObject, index: int) -> Hashable:
    """Return what the results of one region share; without an id a result is a region of its own."""
    region_id = result.get("id")
    return region_id if isinstance(region_id, str) and region_id else index


def _labels(result: JsonObject) -> Iterable[str]:
    """Return the labels of a result."""
    value = result.get("value")
    for key, names in value.items() if isinstance(value, dict) else ():
        if key.endswith("labels") and isinstance(names, list):
            yield from (str(name)[:1000] for name in names)


def _kind(result: JsonObject) -> str | None:
    """Return the kind of region that a result is; None where it is no region."""
    kind, value = result.get("type"), result.get("value")
    if not isinstance(kind, str) or not isinstance(value, dict):
        return None
    kind = kind.lower().removesuffix("labels")
    if kind in KINDS or kind in NO_REGIONS:
        return kind
    if kind or not IN_REGIONS.isdisjoint(value):
        return None
    guesses = {
        "rle": "brush",
        "imageDataURL": "bitmask",
        "points": "polygon",
        "radiusX": "ellipse",
        "height": "rectangle",
    }
    return next((kind for key, kind in guesses.items() if key in value), None)


def _stated_size(result: JsonObject, owner: str) -> Size:
    width, height = result.get("original_width"), result.get("original_height")
    if type(width) is not int or type(height) is not int or not 0 < width * height <= MOST_PIXELS or width < 0:
        raise UserError(f"{owner}: states no size of its image that can be; export it again")
    return width, height


def _read_geometry(kind: str, result: JsonObject, size: Size, owner: str) -> Geometry:
    """Return a region in pixels. Label Studio states percent of the image's width and height."""
    value = result["value"]
    if kind in NO_REGIONS:
        raise UserError(
            f"{owner} is {NO_REGIONS[kind]}, which is no region; draw its region, or leave it out by skip_bad"
        )
    if result.get("image_rotation") not in (None, 0):
        raise UserError(
            f"{owner} was drawn on the image turned by {_short(result['image_rotation'])} degrees; turn the image back "
            "in Label Studio, and draw it again"
        )
    if kind in ("brush", "magicwand"):
        if value.get("format") not in (None, "rle"):
            raise UserError(f"{owner} has a brush of the unknown format {_short(value['format'])}; export it again")
        return read_brush(value.get("rle"), size, owner)
    if kind == "bitmask":
        return _read_bitmask(value.get("imageDataURL"), size, owner)
    factors = np.array(size) / 100
    if kind == "polygon":
        points = value.get("points")
        if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
            points = [[None, None]]  # which is refused as no numbers
        corners = check_points([number for point in points for number in point], owner)
        if value.get("closed") is False:
            raise UserError(f"{owner} is a polygon that is not closed; close it")
        if len(corners) < 3:
            raise UserError(f"{owner}: a polygon has fewer than three points; redraw it")
        return Polygon((ring(corners) * factors,))
    sides = ("radiusX", "radiusY") if kind == "ellipse" else ("width", "height")
    numbers = [value.get(key) for key in ("x", "y", *sides)]
    [place, extent, (degrees, _)] = check_points([*numbers, value.get("rotation") or 0, 0], owner)
    (x, y), (width, height) = np.array([place, extent]) * factors
    has_extent = width > 0 and height > 0 if kind == "ellipse" else width and height  # drawn leftwards: width < 0
    if not has_extent:
        raise UserError(f"{owner} has no extent, {_short(extent[0])}×{_short(extent[1])} percent; redraw it")
    if kind == "ellipse":
        return Ellipse(float(x), float(y), float(width), float(height), degrees)
    return Polygon((turned_box(float(x), float(y), float(width), float(height), degrees, (float(x), float(y))),))


def _read_bitmask(url: object, size: Size, owner: str) -> Stencil:
    """Return the pixels of a bitmask: those that are not transparent in an image as large as the annotated one."""
    content = decode_base64(url, f"{owner}: its bitmask")
    try:
        with Image.open(io.BytesIO(content)) as image:
            found, has_transparency = image.size, image.has_transparency_data
    except UNDECODABLE:
        return Stencil(content)  # which is refused when it is drawn
    if found != size:
        raise UserError(
            f"{owner}: its bitmask has {found[0]}×{found[1]} pixels, and its image {size[0]}×{size[1]}; draw it again"
        )
    if not has_transparency:
        raise UserError(f"{owner}: its bitmask has no transparent pixels, as Label Studio's have; draw it again")
    return Stencil(content)


def read_brush(rle: object, size: Size, owner: str) -> Runs:
    """Return the pixels of a brush: those whose opacity is not zero.

    The numbers are bytes, and their bits are, the highest first: the number of values in 32 bits; the length of a value
    less 1 in 5 bits; four lengths of counts less 1 in 4 bits each. Then come blocks: a bit that says whether one value
    is repeated, two bits that choose the length of the count, the count less 1, and the value or values. The values are
    red, green, blue and opacity of each pixel (https://github.com/thi-ng/umbrella, packages/rle-pack).

    Raises:
        UserError: it is no such list, or not of this many pixels.
    """
    damaged = UserError(f"{owner}: its brush does not decode; draw it again")
    if not isinstance(rle, list) or not all(type(number) is int and 0 <= number < 256 for number in rle):
        raise damaged
    bits = _Bits(bytes(rle))
    total = size[0] * size[1] * CHANNELS
    count, word = bits.read(32), bits.read(5) + 1
    lengths = [bits.read(4) + 1 for _ in range(4)]
    if count != total:
        raise UserError(f"{owner}: its brush is of {count} values, not of {size[0]}×{size[1]} pixels; draw it again")
    flags, sizes = [False], [0]  # of runs of pixels: whether they are inside, and how many pixels
    place = 0
    while place < total and not bits.is_over:
        head = bits.read(3)
        end = place + bits.read(lengths[head & 3]) + 1
        if end > total:
            raise damaged
        # A pixel's opacity is the last of its four values, so these pixels have theirs in this block.
        first, last = place // CHANNELS, end // CHANNELS
        if head & 4:
            flags.append(bits.read(word) != 0)
            sizes.append(last - first)
        else:
            flags += bits.read_every_fourth(end - place, word, first * CHANNELS + ALPHA - place)
            sizes += [1] * (last - first)
        place = end
    if bits.is_over:
        raise damaged
    return Runs(_merge_runs(np.array(flags, bool), np.array(sizes, np.int64)), *size)


def _merge_runs(flags: NDArray[np.bool_], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the lengths of runs with neighbours of one kind joined. The first one is kept though it has no pixel."""
    kept = sizes > 0
    kept[0] = True
    flags, sizes = flags[kept], sizes[kept]
    starts = np.concatenate([[0], np.flatnonzero(flags[1:] != flags[:-1]) + 1])
    return np.asarray(np.add.reduceat(sizes, starts), np.int64)


class _Bits:
    """Reads numbers from bits, the highest first. Behind the end there are zeros.

    Attributes:
        place: of the next bit.
    """

    def __init__(self, content: bytes, place: int = 0) -> None:
        self.content = content
        self.place = place

    @property
    def is_over(self) -> bool:
        """Whether more bits were read than there are."""
        return self.place > 8 * len(self.content)

    def read(self, count: int) -> int:
        """Return the number in the next `count` bits."""
        start, end = self.place, self.place + count
        part = self.content[start // 8 : (end + 7) // 8].ljust((end + 7) // 8 - start // 8, b"\0")
        self.place = end
        return (int.from_bytes(part, "big") >> (-end % 8)) & ((1 << count) - 1)

    def read_every_fourth(self, count: int, length: int, first: int) -> list[bool]:
        """Return whether the numbers `first`, `first + 4`, … of the next `count` of `length` bits are not zero."""
        start = self.place
        self.place += count * length
        if count <= FEW:  # an array would take longer
            places = range(start + first * length, self.place, CHANNELS * length)
            return [_Bits(self.content, place).read(length) != 0 for place in places]
        part = np.frombuffer(self.content[start // 8 : (self.place + 7) // 8], np.uint8)
        bits = np.unpackbits(part)[start % 8 : start % 8 + count * length]
        padded = np.concatenate([bits, np.zeros(count * length - len(bits), np.uint8)])
        return [bool(number.any()) for number in padded.reshape(count, length)[first::CHANNELS]]
