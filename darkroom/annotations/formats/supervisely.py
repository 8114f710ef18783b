"""Projects of Supervisely: `meta.json`, and by data set `ann/NAME.jpg.json` beside `img/NAME.jpg`.

Bitmaps, polygons with holes, boxes, turned boxes and lines (one pixel wide) are drawn in the order of the file, later
ones over earlier ones, as Supervisely's SDK draws them. Classes are in the order of `meta.json`. Data sets may hold
others in a folder `datasets`. In old projects the file is `ann/NAME.json`, and an object has the shape of its class.
See https://docs.supervisely.com/customization-and-integration/00_ann_format_navi.
"""

import math
import zlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, ClassVar

import numpy as np

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.formats._base import Members, Orientation, Refuse
from darkroom.annotations.formats._shapes import FileContent, ShapeFormat
from darkroom.annotations.formats.labelme import decode_base64
from darkroom.annotations.pair import IMAGE_SUFFIXES, Point, Size, check_points
from darkroom.annotations.shapes import (
    AnnotatedImage,
    Box,
    Convention,
    Geometry,
    Lines,
    Polygon,
    Ring,
    Shape,
    Stencil,
    ring,
    turned_box,
)
from darkroom.archives.member import Member
from darkroom.common.errors import UserError

JsonObject = dict[str, Any]  # its values are checked where they are used

META = "meta.json"
ANNOTATIONS, IMAGES = "ann", "img"  # folders
LARGEST_PNG = 256 << 20  # bytes that a bitmap may unpack to
NO_REGIONS = {
    "point": "a key point", "graph": "a set of key points", "cuboid": "a cuboid", "cuboid_2d": "a cuboid",
    "multichannelBitmap": "a bitmap of probabilities", "alpha_mask": "a mask with soft edges",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Untyped(Polygon):
    """A polygon, a line or a box of an old file, which does not say which. Its class in `meta.json` does."""


class Supervisely(ShapeFormat):
    """Supervisely's projects. Supervisely turns a photo upright before one draws on it."""

    TITLE: ClassVar[str] = "Supervisely"
    CONVENTION: ClassVar[Convention] = Convention.OPENCV
    ORIENTATION: ClassVar[Orientation | None] = "seen"
    HAS_FILE_PER_IMAGE: ClassVar[bool] = True
    KEEPS_CLASS_ORDER: ClassVar[bool] = True

    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether a JSON file has a size and a list of objects that have classes."""
        if not file.may_have("size", "objects"):
            return False
        content = file.json
        if not isinstance(content, dict) or not isinstance(content.get("size"), dict):
            return False
        objects = content.get("objects")
        return isinstance(objects, list) and all(isinstance(one, dict) and "classTitle" in one for one in objects)

    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the image of a file with its objects."""
        content = file.json
        size = _stated_size(content["size"])
        if size is None:
            raise UserError(f"{file}: its size {content['size']!r} is no height and width; export it again")
        shapes = []
        for index, entry in enumerate(content["objects"]):
            owner = f"objects[{index}]"
            try:
                if not isinstance(entry["classTitle"], str) or not entry["classTitle"]:
                    raise UserError(f"{file}: {owner} has no class; choose one")
                owner = f"{owner}, a {entry['classTitle']}"
                geometries = _read_geometries(entry, f"{file}: {owner}")
            except UserError as error:
                refuse(str(error))
                continue
            shapes += [Shape(entry["classTitle"], one, owner, object_key=index) for one in geometries]
        name = PurePosixPath(file.member.name).name.removesuffix(".json")
        return [AnnotatedImage(f"../{IMAGES}/{name}", shapes, size, other_path=name)], {}

    def complete(self, image: AnnotatedImage, file: Member, members: Members, refuse: Refuse) -> AnnotatedImage:
        """Return the image of an old file with its own name, and with the shapes that its classes have."""
        without_suffix = _image_of(file.name)
        if without_suffix.suffix.lower() not in IMAGE_SUFFIXES and str(without_suffix) not in members:
            names = [str(without_suffix) + suffix for suffix in (*IMAGE_SUFFIXES, *map(str.upper, IMAGE_SUFFIXES))]
            found = [PurePosixPath(name).name for name in names if name in members]
            if len(found) > 1:
                raise UserError(f"{file}: may be about {found[0]} or {found[1]}; name it after its image, with .json")
            if found:
                image = replace(image, path=f"../{IMAGES}/{found[0]}", other_path=found[0])
        if not any(isinstance(one.geometry, Untyped) for one in image.shapes):
            return image
        kinds, shapes = _class_shapes(file, members), []
        for shape in image.shapes:
            if isinstance(shape.geometry, Untyped):
                try:
                    kind = kinds.get(shape.label)
                    shape = replace(shape, geometry=_typed(shape.geometry, kind, f"{file}: {shape.title}"))
                except UserError as error:
                    refuse(str(error))
                    continue
            shapes.append(shape)
        return replace(image, shapes=shapes)

    def listed_classes(self, members: Members) -> dict[Hashable, str]:
        """Return the classes of `meta.json`."""
        titles: dict[Hashable, str] = {}
        for name, member in members.items():
            if PurePosixPath(name).name != META:
                continue
            content = AnnotationFile(member).json
            classes = content.get("classes") if isinstance(content, dict) else None
            if isinstance(classes, list):
                if not all(isinstance(one, dict) and isinstance(one.get("title"), str) for one in classes):
                    raise UserError(f"{member}: has a class without a title; export it again")
                titles |= {one["title"]: one["title"] for one in classes}
        return titles

    def _refuse_unread(self, members: Members, contents: Mapping[Member, FileContent], refuse: Refuse) -> None:
        """Refuse files in folders of annotations that are none, and images that have no annotation."""
        roots = {PurePosixPath(member.name).parent.parent for member in contents}
        images = {name for name in members if name.lower().endswith(IMAGE_SUFFIXES)}
        annotated = {str(_image_of(member.name)) for member in self.candidates(members)}
        for member in self.candidates(members):
            path = PurePosixPath(member.name)
            if member in contents or path.parent.name != ANNOTATIONS or path.parent.parent not in roots:
                continue
            try:
                _ = AnnotationFile(member).json
                refuse(f"{member}: is not {self.TITLE}'s: it needs a size and objects with classes; export it again")
            except UserError as error:
                refuse(str(error))
        for name in sorted(images - annotated):
            path = PurePosixPath(name)
            if (
                path.parent.name == IMAGES
                and path.parent.parent in roots
                and str(path.with_suffix("")) not in annotated
            ):
                refuse(f"{members[name]}: has no annotation {ANNOTATIONS}/{path.name}.json; add it or remove the image")


def _image_of(name: str) -> PurePosixPath:
    """Return the path of the image that an annotation file is about."""
    path = PurePosixPath(name)
    return path.parent.parent / IMAGES / path.name.removesuffix(".json")


def _class_shapes(file: Member, members: Members) -> dict[Hashable, object]:
    """Return the shapes of the classes by their titles in the `meta.json` of a file's project."""
    paths = [str(folder / META) for folder in PurePosixPath(file.name).parents]
    meta = next((members[path] for path in paths if path in members), None)
    content = AnnotationFile(meta).json if meta is not None else None
    classes = content.get("classes") if isinstance(content, dict) else None
    entries = [one for one in classes if isinstance(one, dict)] if isinstance(classes, list) else []
    return {one["title"]: one.get("shape") for one in entries if isinstance(one.get("title"), str)}


def _typed(points: Untyped, kind: object, owner: str) -> Geometry:
    """Return an object of an old file in the shape that its class has."""
    [outline] = points.parts
    if kind == "polygon":
        return _polygon(outline, points.holes, owner)
    if kind == "rectangle":
        return _box(outline, owner)
    if kind in ("line", "polyline"):
        return _line(outline, owner)
    what = f"has the shape {kind!r}" if kind else "has no shape"
    raise UserError(f"{owner} has no geometryType, and its class {what} in {META}; export it again")


def _stated_size(size: JsonObject) -> Size | None:
    width, height = size.get("width"), size.get("height")
    return (width, height) if type(width) is int and type(height) is int and width > 0 and height > 0 else None


def _read_geometries(entry: JsonObject, owner: str) -> list[Geometry]:
    """Return the geometry of an object, or one for each part of it."""
    kind = entry.get("geometryType")
    if kind == "bitmap":
        return [_read_bitmap(entry.get("bitmap"), owner)]
    if kind == "polygon":
        return [_read_polygon(entry.get("points"), owner)]
    if kind == "multipolygon":
        parts = entry.get("parts")
        if not isinstance(parts, list) or not parts:
            raise UserError(f"{owner}: has no parts; redraw it")
        return [_read_polygon(part, owner) for part in parts]
    if kind in ("rectangle", "oriented_bbox"):
        return [_read_box(entry, str(kind), owner)]
    if kind in ("line", "polyline"):
        return [_line(_outline(entry.get("points"), owner), owner)]
    if kind is None and isinstance(entry.get("bitmap"), dict):
        return [_read_bitmap(entry["bitmap"], owner)]
    if kind is None and isinstance(entry.get("points"), dict):
        return [Untyped((_outline(entry["points"], owner),), _holes(entry["points"], owner))]
    what = NO_REGIONS.get(str(kind), f"of the unknown kind {kind!r}")
    raise UserError(f"{owner} is {what}, which is no region; draw its region, or leave it out by skip_bad")


def _whole(points: list[Point]) -> Ring:
    """Return points cut to whole numbers, as Supervisely's SDK reads them."""
    return np.floor(ring(points))


def _read_points(points: object, owner: str) -> list[Point]:
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        points = [[None, None]]  # which is refused as no numbers
    return check_points([number for point in points for number in point], owner)


def _outline(points: object, owner: str) -> Ring:
    return _whole(_read_points(points.get("exterior") if isinstance(points, dict) else None, owner))


def _holes(points: JsonObject, owner: str) -> tuple[Ring, ...]:
    holes = points.get("interior") or []
    if not isinstance(holes, list):
        raise UserError(f"{owner}: its interior is no list of holes; redraw it")
    return tuple(_whole(_read_points(hole, f"{owner}: a hole")) for hole in holes)


def _read_polygon(points: object, owner: str) -> Polygon:
    outline = _outline(points, owner)
    return _polygon(outline, _holes(points, owner) if isinstance(points, dict) else (), owner)


def _polygon(outline: Ring, holes: tuple[Ring, ...], owner: str) -> Polygon:
    if min(map(len, [outline, *holes])) < 3:
        raise UserError(f"{owner}: a polygon has fewer than three points; redraw it")
    return Polygon((outline,), holes)


def _line(points: Ring, owner: str) -> Lines:
    if len(points) < 2:
        raise UserError(f"{owner}: a line has fewer than two points; redraw it")
    return Lines(points, 1)


def _box(corners: Ring, owner: str) -> Box:
    """Return a box of two corners that are pixels, both inside, as the SDK draws it."""
    if len(corners) != 2:
        raise UserError(f"{owner}: a box has {len(corners)} points and needs 2; redraw it")
    return Box(*(int(number) for end in (corners.min(axis=0), corners.max(axis=0)) for number in end))


def _read_box(entry: JsonObject, kind: str, owner: str) -> Geometry:
    """Return a box, or one that is turned about its centre."""
    points = entry.get("points")
    exterior = points.get("exterior") if isinstance(points, dict) else points
    box = _box(_whole(_read_points(exterior, owner)), owner)
    if kind == "rectangle":
        return box
    [(radians, _)] = check_points([entry.get("angle"), 0], f"{owner}: its angle")
    left, top, right, bottom = (int(number) for number in (box.left, box.top, box.right, box.bottom))
    centre = ((left + right) // 2, (top + bottom) // 2)  # a whole pixel in the SDK too
    return Polygon((turned_box(left, top, right - left, bottom - top, math.degrees(radians), centre),))


def _read_bitmap(bitmap: object, owner: str) -> Stencil:
    """Return the image file in a bitmap: in base64, mostly compressed by zlib."""
    if not isinstance(bitmap, dict):
        raise UserError(f"{owner}: has no bitmap; redraw it")
    content = decode_base64(bitmap.get("data"), f"{owner}: its bitmap")
    unpacking = zlib.decompressobj()
    try:
        file = unpacking.decompress(content, LARGEST_PNG)
        if unpacking.unconsumed_tail:
            raise UserError(f"{owner}: its bitmap unpacks to more than {LARGEST_PNG >> 20} megabytes; redraw it")
    except zlib.error:
        file = content
    [(left, top)] = _read_points([bitmap.get("origin")], f"{owner}: its bitmap's origin")
    return Stencil(file, math.floor(left), math.floor(top))
