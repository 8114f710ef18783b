"""JSON files of V7's Darwin (versions 2.0 and 1.0), one for each image.

Polygons of one or more paths, ellipses and raster layers, drawn in the order of the file. A path inside another one is
a hole. Polygons are drawn as darwin-py draws them, from rounded corners. See https://docs.v7labs.com/reference/darwin-json.
"""

import math
from collections.abc import Hashable
from pathlib import PurePosixPath
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.formats._base import Refuse
from darkroom.annotations.formats._shapes import ShapeFormat
from darkroom.annotations.pair import Point, Size, check_points
from darkroom.annotations.shapes import AnnotatedImage, Convention, Ellipse, EvenOdd, Geometry, Ring, Runs, Shape, ring
from darkroom.common.errors import UserError

JsonObject = dict[str, Any]  # its values are checked where they are used

# What an annotation without an area is, by its key.
NO_AREA = {
    "tag": "is a tag of the whole image",
    "line": "is a line, which has no area",
    "keypoint": "is a key point, which has no area",
    "skeleton": "is a skeleton, which has no area",
    "eye": "is an eye's key points, which have no area",
    "cuboid": "is a cuboid, whose faces overlap",
    "table": "is a table",
    "simple_table": "is a table",
    "string": "is a link of other annotations",
    "graph": "is a link of other annotations",
    "link": "is a link of other annotations",
    "bounding_box": "is a box without a shape",  # last, since polygons have a box too
}
MOST_RADIANS = 2 * math.pi


class Darwin(ShapeFormat):
    """Darwin's JSON files. What V7 does with an EXIF orientation is not documented, so ORIENTATION is None."""

    TITLE: ClassVar[str] = "V7 Darwin"
    CONVENTION: ClassVar[Convention] = Convention.OPENCV
    HAS_FILE_PER_IMAGE: ClassVar[bool] = True

    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether a JSON file has annotations of one item, or, in version 1.0, of one image of a data set."""
        if not file.may_have("annotations") or not (file.may_have("item") or file.may_have("image", "dataset")):
            return False
        content = file.json
        if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
            return False
        item, image = content.get("item"), content.get("image")
        if isinstance(item, dict):
            return isinstance(item.get("name"), str) and "version" in content
        return isinstance(image, dict) and isinstance(image.get("filename"), str) and "dataset" in content

    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the image of a file with its annotations."""
        content = file.json
        is_new = isinstance(content.get("item"), dict)
        path, size = _find_item(content["item"], file) if is_new else _find_image(content["image"], file)
        entries = [(f"annotations[{index}]", entry) for index, entry in enumerate(content["annotations"])]
        layers = _RasterLayers(entries, file, size, refuse)
        shapes = []
        for owner, entry in entries:
            if isinstance(entry, dict) and "raster_layer" in entry:
                continue
            try:
                label = entry.get("name") if isinstance(entry, dict) else None
                if not isinstance(label, str) or not label.strip():
                    raise UserError(f"{file}: {owner} has no name of a class; export it again")
                name = f"{owner}, a {label.strip()!r}"
                geometry = _read_geometry(entry, f"{file}: {name}", layers)
            except UserError as error:
                refuse(str(error))
                continue
            shapes.append(Shape(label.strip(), geometry, name, _instance_id(entry)))
        return [AnnotatedImage(path, shapes, size)], {}


class _RasterLayers:
    """The raster layers of a file: pixels that are each of one mask annotation."""

    def __init__(self, entries: list[tuple[str, Any]], file: AnnotationFile, size: Size | None, refuse: Refuse) -> None:
        self.size = size
        self.by_mask: dict[str, tuple[int, NDArray[np.int64], NDArray[np.int64]]] = {}
        for owner, entry in entries:
            if isinstance(entry, dict) and "raster_layer" in entry:
                try:
                    self._read(entry["raster_layer"], f"{file}: {owner}, a raster layer")
                except UserError as error:
                    refuse(str(error))

    def _read(self, layer: object, owner: str) -> None:
        runs = layer.get("dense_rle") if isinstance(layer, dict) else None
        numbers = layer.get("mask_annotation_ids_mapping") if isinstance(layer, dict) else None
        if self.size is None:
            raise UserError(f"{owner}: the file states no width and height of its image; export it again")
        if (
            not isinstance(runs, list)
            or len(runs) % 2
            or not all(type(run) is int and 0 <= run < 1 << 40 for run in runs)
        ):
            raise UserError(f"{owner}: its dense_rle is no list of values and run lengths; export it again")
        if not isinstance(numbers, dict) or not all(type(number) is int and number > 0 for number in numbers.values()):
            raise UserError(
                f"{owner}: its mask_annotation_ids_mapping does not number masks from 1 on; export it again"
            )
        values, lengths = np.array(runs[::2], np.int64), np.array(runs[1::2], np.int64)
        if int(lengths.sum()) != self.size[0] * self.size[1]:
            raise UserError(
                f"{owner}: its run lengths are of {int(lengths.sum())} pixels, not of {self.size[0]}×{self.size[1]}; "
                "export it again"
            )
        unknown = set(values.tolist()) - {0, *numbers.values()}
        if unknown:
            raise UserError(f"{owner}: its value {min(unknown)} is of no mask; export it again")
        for mask_id, number in numbers.items():
            if mask_id in self.by_mask:
                raise UserError(f"{owner}: another raster layer has its mask {mask_id!r} too; export it again")
            self.by_mask[mask_id] = number, values, lengths

    def find_mask(self, mask_id: object, owner: str) -> Runs:
        """Return the pixels of a mask annotation."""
        if not isinstance(mask_id, str) or mask_id not in self.by_mask or self.size is None:
            raise UserError(f"{owner}: no raster layer that can be used has its mask {mask_id!r}; export it again")
        number, values, lengths = self.by_mask[mask_id]
        inside = values == number
        starts = np.flatnonzero(np.diff(inside, prepend=~inside[:1]))  # of runs in turn inside and outside
        counts = np.add.reduceat(lengths, starts) if len(starts) else lengths
        if inside[:1].any():
            counts = np.concatenate([[0], counts])
        return Runs(counts, *self.size)


def _find_item(item: JsonObject, file: AnnotationFile) -> tuple[str, Size | None]:
    """Return the path and size of the image of a file of version 2.0."""
    slots = item.get("slots", [])
    if not isinstance(slots, list) or not all(isinstance(slot, dict) for slot in slots):
        raise UserError(f"{file}: its item's slots are no list; export it again")
    if len(slots) > 1:
        raise UserError(f"{file}: its item has {len(slots)} slots; export items of one image")
    slot = slots[0] if slots else {}
    if not str(slot.get("type", "image")).startswith("image"):
        raise UserError(f"{file}: its item is of type {slot['type']!r}; export images, such as a video's frames")
    name = PurePosixPath(item["name"])
    sources = slot.get("source_files")
    source = (
        sources[0].get("file_name") if isinstance(sources, list) and sources and isinstance(sources[0], dict) else ""
    )
    if isinstance(source, str) and PurePosixPath(source).suffix:  # the name that darwin-py gives to downloaded images
        name = name.with_name(f"{name.stem}{PurePosixPath(source).suffix}") if name.name else name
    return _join(item.get("path"), str(name)), _stated_size(slot)


def _find_image(image: JsonObject, file: AnnotationFile) -> tuple[str, Size | None]:
    """Return the path and size of the image of a file of version 1.0. Downloads have the original file name."""
    if "frame_count" in image:
        raise UserError(f"{file}: is of a video; export its frames as images")
    name = image.get("original_filename")
    return _join(image.get("path"), name if isinstance(name, str) and name else image["filename"]), _stated_size(image)


def _join(folder: object, name: str) -> str:
    """Return a path from the root of the data set. Downloads may be without its folders."""
    return f"/{folder.strip('/')}/{name}" if isinstance(folder, str) and folder.strip("/") else name


def _stated_size(owner: JsonObject) -> Size | None:
    width, height = owner.get("width"), owner.get("height")
    return (width, height) if type(width) is int and type(height) is int and width > 0 and height > 0 else None


def _instance_id(entry: JsonObject) -> int | None:
    """Return the number that annotations of one object share."""
    instance = entry.get("instance_id")
    value = instance.get("value") if isinstance(instance, dict) else None
    return value if type(value) is int else None


def _read_geometry(entry: JsonObject, owner: str, layers: _RasterLayers) -> Geometry:
    if "frames" in entry:
        raise UserError(f"{owner} is of a video; export its frames as images")
    if "mask" in entry:
        return layers.find_mask(entry.get("id"), owner)
    if "polygon" in entry or "complex_polygon" in entry:
        polygon = entry.get("polygon", entry.get("complex_polygon"))
        return EvenOdd(tuple(_read_paths(polygon, owner)))
    if "ellipse" in entry:
        return _read_ellipse(entry["ellipse"], owner)
    what = next((reason for key, reason in NO_AREA.items() if key in entry), "has no shape")
    raise UserError(f"{owner} {what}; draw its shape, or leave it out by skip_bad")


def _read_paths(polygon: object, owner: str) -> list[Ring]:
    """Return the paths of a polygon: `paths`, or `path` of one or several, with `additional_paths`."""
    found: list[object] = []
    for key in ("paths", "path", "additional_paths"):
        value = polygon.get(key) if isinstance(polygon, dict) else None
        if isinstance(value, list):
            found += [value] if value and isinstance(value[0], dict) else value
    rings = []
    for path in found:
        corners = path if isinstance(path, list) else [None]
        rings.append(np.rint(ring([_read_point(corner, f"{owner}: a path") for corner in corners])))
    if not rings or min(map(len, rings)) < 3:
        raise UserError(f"{owner}: a path has fewer than three points; redraw it")
    return rings


def _read_point(point: object, owner: str) -> Point:
    [pair] = check_points([point.get("x"), point.get("y")] if isinstance(point, dict) else [None, None], owner)
    return pair


def _read_ellipse(ellipse: object, owner: str) -> Ellipse:
    if not isinstance(ellipse, dict):
        raise UserError(f"{owner}: its ellipse is no object; export it again")
    (x, y), (radius_x, radius_y) = (
        _read_point(ellipse.get(key), f"{owner}: its {key}") for key in ("center", "radius")
    )
    [(radians, _)] = check_points([ellipse.get("angle", 0), 0], f"{owner}: its angle")
    if abs(radians) > MOST_RADIANS:
        raise UserError(f"{owner}: its angle {radians} is no angle in radians; redraw it")
    return Ellipse(x, y, abs(radius_x), abs(radius_y), math.degrees(radians))
