"""JSON files of LabelMe (formats 3 to 6) and of X-AnyLabeling, one beside each image.

All kinds of shapes except cuboids are drawn in the order of the file, later ones over earlier ones, as LabelMe draws
them. Shapes labelled `__ignore__` get ignore_index. A file that contains its image needs no image file. See
https://github.com/wkentaro/labelme.
"""

import base64
import binascii
import io
import math
from collections.abc import Hashable
from typing import Any, ClassVar

import cv2
import numpy as np
from PIL import Image

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.formats._base import Orientation, Refuse
from darkroom.annotations.formats._shapes import ShapeFormat
from darkroom.annotations.pair import Pair, Point, Size, check_points
from darkroom.annotations.shapes import (
    AnnotatedImage,
    Box,
    Convention,
    Ellipse,
    Geometry,
    Lines,
    Polygon,
    Shape,
    Stencil,
    ring,
)
from darkroom.common.errors import UserError
from darkroom.datasets.decode import UNDECODABLE

JsonObject = dict[str, Any]  # its values are checked where they are used

LINE_WIDTH, POINT_RADIUS = 10, 5  # pixels, as LabelMe draws them
# Least and largest number of points by kind of shape; None: no limit.
POINT_COUNTS: dict[str, tuple[int, int | None]] = {
    "polygon": (3, None), "rectangle": (2, 4), "oriented_rectangle": (4, 4), "rotation": (4, 4),
    "quadrilateral": (4, 4), "circle": (2, 2), "line": (2, 2), "linestrip": (2, None), "point": (1, 1), "mask": (1, 2),
}  # fmt: skip
# What a shape without an area is, by its kind.
NO_AREA = {"cuboid": "is a cuboid, whose faces overlap", "points": "is key points, which have no area"}


class LabelMe(ShapeFormat):
    """LabelMe's JSON files. LabelMe turns a photo upright before one draws on it."""

    TITLE: ClassVar[str] = "LabelMe"
    CONVENTION: ClassVar[Convention] = Convention.PILLOW
    ORIENTATION: ClassVar[Orientation | None] = "seen"
    HAS_FILE_PER_IMAGE: ClassVar[bool] = True
    IGNORED_LABELS: ClassVar[frozenset[Hashable]] = frozenset({"__ignore__"})

    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether a JSON file has a list of shapes and names or contains an image."""
        if not file.may_have("shapes") or not isinstance(file.json, dict):
            return False
        return isinstance(file.json.get("shapes"), list) and not {"imagePath", "imageData"}.isdisjoint(file.json)

    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the image of a file with its shapes."""
        content = file.json
        entries = content["shapes"]
        if not all(isinstance(shape, dict) and isinstance(shape.get("label"), str) for shape in entries):
            raise UserError(
                f"{file}: is not LabelMe's: it has no list of shapes with labels; remove it or save it again"
            )
        shapes = []
        for index, entry in enumerate(entries):
            owner = f"shapes[{index}], a {' '.join(entry['label'].split())}"
            try:
                geometry = _read_geometry(entry, f"{file}: {owner}")
            except UserError as error:
                refuse(str(error))
                continue
            group = entry.get("group_id")
            shapes.append(Shape(entry["label"], geometry, owner, group if isinstance(group, int | str) else None))
        path, is_embedded = str(content.get("imagePath") or ""), bool(content.get("imageData"))
        return [AnnotatedImage(path, shapes, _stated_size(content, file), embedded=is_embedded)], {}

    def read_embedded_image(self, pair: Pair) -> bytes:
        """Return the image file that `imageData` contains in base64."""
        return decode_base64(AnnotationFile(pair.annotation).json["imageData"], f"{pair.annotation}: imageData")


def _read_geometry(shape: JsonObject, owner: str) -> Geometry:
    kind = str(shape.get("shape_type") or "polygon")
    if kind in NO_AREA:
        raise UserError(f"{owner} {NO_AREA[kind]}; draw its outline as a polygon, or leave it out by skip_bad")
    if kind not in POINT_COUNTS:
        raise UserError(f"{owner}: unknown shape {kind!r}; known: {', '.join(POINT_COUNTS)}")
    points = _read_points(shape, owner)
    fewest, most = POINT_COUNTS[kind]
    if len(points) < fewest or (most is not None and len(points) > most):
        needs = f"{fewest} or more" if most is None else " to ".join(map(str, dict.fromkeys([fewest, most])))
        raise UserError(f"{owner}: a {kind} has {len(points)} points and needs {needs}; redraw it")
    if kind == "mask":
        return _read_mask(shape, points, f"{owner}: its mask")
    if kind == "circle":
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        return Ellipse(x, y, radius, radius)
    if kind == "point":
        [(x, y)] = points
        return Ellipse(x, y, POINT_RADIUS, POINT_RADIUS)
    if kind in ("line", "linestrip"):
        return Lines(ring(points), LINE_WIDTH)
    if kind in ("polygon", "quadrilateral"):
        return Polygon((ring(points),))
    return _read_box(points, kind, f"{owner}: a {kind}")


def _read_mask(shape: JsonObject, points: list[Point], owner: str) -> Stencil:
    """Return the image in a shape. It begins at the first point; the second one is its last pixel, or the one after.

    Raises:
        UserError: the image is not as large as the box, such as one of the whole photo.
    """
    png = decode_base64(shape.get("mask"), owner)
    left, top = (int(number) for number in points[0])
    try:
        width, height = Image.open(io.BytesIO(png)).size
    except UNDECODABLE:  # drawing says why
        return Stencil(png, left, top)
    for side, first, last in zip((width, height), (left, top), map(int, points[-1]), strict=True):
        if len(points) == 2 and last - first not in (side - 1, side):
            raise UserError(f"{owner} has {width}×{height} pixels and does not fit its box; redraw it")
    return Stencil(png, left, top)


def _read_box(points: list[Point], kind: str, owner: str) -> Geometry:
    """Return a box of two opposite corners, or of all four in their order, as X-AnyLabeling stores it."""
    if len(points) == 3:
        raise UserError(f"{owner} has 3 points and needs 2 or 4; redraw it")
    xs, ys = [x for x, _ in points], [y for _, y in points]
    box = Box(min(xs), min(ys), max(xs), max(ys))
    is_upright = {(x, y) for x in (box.left, box.right) for y in (box.top, box.bottom)} == set(points)
    if kind == "rectangle" and (len(points) == 2 or is_upright):
        return box
    if not cv2.isContourConvex(np.array(points, np.float32)):
        raise UserError(f"{owner} has four corners that make no box; redraw it")
    return Polygon((ring(points),))


def _stated_size(content: JsonObject, file: AnnotationFile) -> Size | None:
    for key in ("imageWidth", "imageHeight"):
        if not isinstance(content.get(key), int | None):
            raise UserError(f"{file}: {key} = {content[key]!r} is no number of pixels; save it again")
    width, height = content.get("imageWidth"), content.get("imageHeight")
    return (width, height) if width and height and min(width, height) > 0 else None  # X-AnyLabeling's -1 is unknown


def _read_points(shape: JsonObject, owner: str) -> list[Point]:
    points = shape.get("points")
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        points = [[None, None]]  # which is refused as no numbers
    return check_points([number for point in points for number in point], owner)


def decode_base64(text: object, owner: str) -> bytes:
    """Return the bytes that base64 text stands for, with or without line breaks or the start of a data URI.

    Raises:
        UserError: it is no base64.
    """
    try:
        written = str(text or "")
        written = written.partition(",")[2] if written.startswith("data:") else written
        return base64.b64decode("".join(written.split()), validate=True)
    except (binascii.Error, ValueError):
        raise UserError(f"{owner} is not base64; save it again") from None
