"""LabelMe's JSON files (https://github.com/wkentaro/labelme, formats 3 to 5)."""

import base64
import binascii
import io
import json
import math
import posixpath
from collections.abc import Callable, Hashable, Mapping

import numpy as np
from PIL import Image, ImageDraw

from darkroom.annotations.pair import (
    BACKGROUND,
    IGNORED,
    Pair,
    Point,
    Refuse,
    WrongSize,
    checked_points,
    count_outside,
    file_name,
)
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.decode import UNDECODABLE
from darkroom.datasets.description import split_in

IGNORE_LABEL = "__ignore__"
BACKGROUND_LABELS = (BACKGROUND, "_background_")
LINE_WIDTH, POINT_RADIUS = 10, 5  # pixels, as LabelMe draws them

UPRIGHT = True  # LabelMe turns an image by its EXIF orientation before one draws on it


def recognizes(members: Mapping[str, Member]) -> bool:
    return any(name.lower().endswith(".json") for name in members)


def pairs(members: Mapping[str, Member], parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
    """One pair for each JSON file of `members` that has shapes; refused: no LabelMe JSON, or without its image."""
    found = []
    for name, member in members.items():
        if not name.lower().endswith(".json"):
            continue
        try:
            content = _read(member)
        except UserError as error:
            refuse(str(error))
            continue
        image_path = str(content.get("imagePath") or "").replace("\\", "/")
        image = members.get(posixpath.normpath(posixpath.join(posixpath.dirname(name), image_path)))
        if image is None and not content.get("imageData"):
            refuse(f"{member}: its image {image_path!r} is not in the archive; add it or remove the annotation")
            continue
        found.append(Pair(file_name(name), image, member, split_in(name)))
    return found


def classes(found: list[Pair], members: Mapping[str, Member], parameters: AnnotationParameters) -> dict[str, str]:
    """The background, then the classes that the parameters name, or all labels in use, sorted; by label."""
    labels = parameters.classes
    if labels is None:
        used = {shape["label"] for pair in found for shape in _read(pair.annotation)["shapes"]}
        labels = sorted(used - {IGNORE_LABEL, *BACKGROUND_LABELS})
    return {**dict.fromkeys(BACKGROUND_LABELS, BACKGROUND), **{label: label for label in labels}}


def embedded_image(pair: Pair) -> bytes:
    """The image file that the annotation holds in base64."""
    return _base64(_read(pair.annotation).get("imageData"), pair)


def mask(pair: Pair, ids: dict[Hashable, int], size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The shapes of a file, drawn in its order, later over earlier, as LabelMe itself draws them.

    Args:
        ids: class ids by label.
        size: (width, height) of the image.

    Returns:
        uint8 (height, width), and how many points lie outside of it.

    Raises:
        UserError: an unknown label or kind of shape, points that do not make one, or another size.
    """
    content = _read(pair.annotation)
    stated = (content.get("imageWidth") or size[0], content.get("imageHeight") or size[1])
    if stated != size:
        raise WrongSize(
            f"{pair.annotation}: was drawn on {stated[0]}×{stated[1]} pixels, but its image has {size[0]}×{size[1]}"
        )
    canvas = Image.new("L", size)
    draw = ImageDraw.Draw(canvas)
    known = {**ids, IGNORE_LABEL: IGNORED}
    outside = 0
    for shape in content["shapes"]:
        if shape["label"] not in known:
            raise UserError(f"{pair.annotation}: unknown class {shape['label']!r}; add it to annotations.classes")
        value = known[shape["label"]]
        kind = str(shape.get("shape_type") or "polygon")
        if kind not in SHAPES and kind != "mask":
            raise UserError(f"{pair.annotation}: unknown shape {kind!r}; known: {', '.join([*SHAPES, 'mask'])}")
        points = _points(shape, pair)
        outside += count_outside(points, size)
        fewest, draw_shape = SHAPES.get(kind, (1, None))
        if len(points) < fewest:
            raise UserError(f"{pair.annotation}: a {kind} has {len(points)} points and needs {fewest}; redraw it")
        if draw_shape is None:
            _paste(canvas, points, _base64(shape.get("mask"), pair), value, pair)
        else:
            draw_shape(draw, points, value)
    return np.asarray(canvas), outside


def _polygon(draw: ImageDraw.ImageDraw, points: list[Point], value: int) -> None:
    draw.polygon(points, fill=value, outline=value)


def _rectangle(draw: ImageDraw.ImageDraw, points: list[Point], value: int) -> None:
    (x1, y1), (x2, y2) = points[:2]
    draw.rectangle([min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)], fill=value, outline=value)


def _circle(draw: ImageDraw.ImageDraw, points: list[Point], value: int) -> None:
    (x, y), edge = points[:2]
    _disc(draw, (x, y), math.dist((x, y), edge), value)


def _lines(draw: ImageDraw.ImageDraw, points: list[Point], value: int) -> None:
    draw.line(points, fill=value, width=LINE_WIDTH)


def _point(draw: ImageDraw.ImageDraw, points: list[Point], value: int) -> None:
    _disc(draw, points[0], POINT_RADIUS, value)


def _disc(draw: ImageDraw.ImageDraw, centre: Point, radius: float, value: int) -> None:
    x, y = centre
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=value, outline=value)


# Of each kind of shape: how many points it needs, and what draws it.
SHAPES: dict[str, tuple[int, Callable[[ImageDraw.ImageDraw, list[Point], int], None]]] = {
    "polygon": (3, _polygon),
    "rectangle": (2, _rectangle),
    "circle": (2, _circle),
    "line": (2, _lines),
    "linestrip": (2, _lines),
    "point": (1, _point),
}


def _paste(canvas: Image.Image, points: list[Point], png: bytes, value: int, pair: Pair) -> None:
    """Draw a shape given as a PNG whose upper left pixel lies at the first point."""
    try:
        stencil = Image.open(io.BytesIO(png)).convert("L").point(lambda level: 255 if level else 0)
    except UNDECODABLE as error:
        raise UserError(f"{pair.annotation}: a mask does not decode as an image ({error}); redraw it") from None
    canvas.paste(value, (round(points[0][0]), round(points[0][1])), stencil)


def _read(member: Member) -> dict:
    try:
        content = json.loads(member.read())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{member}: is not JSON ({error}); save it again in LabelMe") from None
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(s, dict) and isinstance(s.get("label"), str) for s in shapes):
        raise UserError(f"{member}: is not LabelMe's: it has no list of shapes with labels")
    return content


def _points(shape: dict, pair: Pair) -> list[Point]:
    owner = f"{pair.annotation}: a {shape['label']}"
    points = shape.get("points")
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        points = [["none"]]
    return checked_points([number for point in points for number in point], owner)


def _base64(text: str | None, pair: Pair) -> bytes:
    try:
        return base64.b64decode(text or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise UserError(f"{pair.annotation}: holds an image that is not base64; save it again in LabelMe") from None
