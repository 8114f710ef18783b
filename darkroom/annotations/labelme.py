"""LabelMe's JSON files (https://github.com/wkentaro/labelme, formats 3 to 5), and those of X-AnyLabeling."""

import base64
import binascii
import io
import math
from collections.abc import Callable, Hashable, Mapping

import cv2
import numpy as np
from PIL import Image, ImageDraw

from darkroom.annotations.images import Images
from darkroom.annotations.json_files import json_with, read_json_file
from darkroom.annotations.pair import (
    BACKGROUND,
    BACKGROUND_NAMES,
    IGNORED,
    IMAGE_SUFFIXES,
    Pair,
    Point,
    Refuse,
    WrongSize,
    checked_points,
    count_outside,
    file_name,
    folded,
)
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.decode import UNDECODABLE, why_undecodable
from darkroom.datasets.split_folders import split_in

IGNORE_LABEL = "__ignore__"
LINE_WIDTH, POINT_RADIUS = 10, 5  # pixels, as LabelMe draws them

EXIF = "seen"  # LabelMe turns an image by its EXIF orientation before one draws on it


def recognizes(members: Mapping[str, Member]) -> bool:
    files = (member for name, member in members.items() if name.lower().endswith(".json"))
    return any(_is_labelme(json_with("shapes", member)) for member in files)


def pairs(members: Mapping[str, Member], parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
    """One pair for each JSON file of `members` that has shapes.

    Refused: JSON that is not LabelMe's but has an image's name, and annotations without their image. Other JSON files
    are no annotations.
    """
    images, found = Images(members), []
    stems = {folded(name.rpartition(".")[0]) for name in members if name.lower().endswith(IMAGE_SUFFIXES)}
    for name, member in members.items():
        if not name.lower().endswith(".json"):
            continue
        try:
            if not _is_labelme(read_json_file(member)) and folded(name.rpartition(".")[0]) not in stems:
                continue
            content = _read(member)
            image_path = str(content.get("imagePath") or "")
            image = images.find(image_path, member, split_in(name))
        except UserError as error:
            refuse(str(error))
            continue
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
        labels = sorted(used - {IGNORE_LABEL, *BACKGROUND_NAMES})
    return {**dict.fromkeys(BACKGROUND_NAMES, BACKGROUND), **{label: label for label in labels}}


def embedded_image(pair: Pair) -> bytes:
    """The image file that the annotation holds in base64."""
    return _base64(_read(pair.annotation).get("imageData"), f"{pair.annotation}: imageData")


def stated_size(pair: Pair) -> tuple[int, int] | None:
    """Width and height that the image had when it was annotated, where that is told."""
    content = _read(pair.annotation)
    size = content.get("imageWidth"), content.get("imageHeight")
    return size if all(size) else None


def mask(pair: Pair, ids: dict[Hashable, int], size: tuple[int, int], refuse: Refuse) -> tuple[np.ndarray, int]:
    """The shapes of a file, drawn in its order, later over earlier, as LabelMe itself draws them.

    Args:
        ids: class ids by label.
        size: (width, height) of the image.
        refuse: told of a shape that cannot be drawn: an unknown label or kind, or points that do not make one.

    Returns:
        uint8 (height, width), and how many points lie outside of it.

    Raises:
        WrongSize: the image had another size when it was annotated.
    """
    content = _read(pair.annotation)
    stated = stated_size(pair)
    if stated is not None and stated != size:
        raise WrongSize(
            f"{pair.annotation}: was drawn on {stated[0]}×{stated[1]} pixels, but its image has {size[0]}×{size[1]}"
        )
    canvas = Image.new("L", size)
    known = {**ids, IGNORE_LABEL: IGNORED}
    outside = 0
    for number, shape in enumerate(content["shapes"]):
        try:
            outside += _draw(canvas, shape, known, f"{pair.annotation}: shapes[{number}], a {shape['label']}")
        except UserError as error:
            refuse(str(error))
    return np.asarray(canvas), outside


def _draw(canvas: Image.Image, shape: dict, known: Mapping[Hashable, int], owner: str) -> int:
    """Draw a shape; how many of its points lie outside."""
    if shape["label"] not in known:
        raise UserError(f"{owner}: unknown class {shape['label']!r}; add it to annotations.classes")
    value = known[shape["label"]]
    kind = str(shape.get("shape_type") or "polygon")
    if kind not in SHAPES:
        raise UserError(f"{owner}: unknown shape {kind!r}; known: {', '.join(SHAPES)}")
    points = _points(shape, owner)
    (fewest, most), draw_shape = SHAPES[kind]
    if len(points) < fewest or (most is not None and len(points) > most):
        needs = f"{fewest} or more" if most is None else " to ".join(map(str, sorted({fewest, most})))
        raise UserError(f"{owner}: a {kind} has {len(points)} points and needs {needs}; redraw it")
    if draw_shape is None:
        _paste(canvas, points, _base64(shape.get("mask"), f"{owner}: its mask"), value, owner)
    else:
        draw_shape(ImageDraw.Draw(canvas), points, value, f"{owner}: a {kind}")
    return count_outside(points, canvas.size)


def _polygon(draw: ImageDraw.ImageDraw, points: list[Point], value: int, owner: str) -> None:
    draw.polygon(points, fill=value, outline=value)


def _rectangle(draw: ImageDraw.ImageDraw, points: list[Point], value: int, owner: str) -> None:
    """A box given by two opposite corners, or by all four, as X-AnyLabeling stores it."""
    if len(points) == 3:
        raise UserError(f"{owner} has 3 points and needs 2 or 4; redraw it")
    xs, ys = ([point[axis] for point in points] for axis in (0, 1))
    box = [min(xs), min(ys), max(xs), max(ys)]
    if len(points) == 2 or {(x, y) for x in box[::2] for y in box[1::2]} == set(points):
        draw.rectangle(box, fill=value, outline=value)
    else:
        _quadrilateral(draw, points, value, owner)


def _quadrilateral(draw: ImageDraw.ImageDraw, points: list[Point], value: int, owner: str) -> None:
    """Four corners in their order, such as of a box that is turned."""
    if not cv2.isContourConvex(np.array(points, np.float32)):
        raise UserError(f"{owner} has four corners that make no box; redraw it")
    _polygon(draw, points, value, owner)


def _circle(draw: ImageDraw.ImageDraw, points: list[Point], value: int, owner: str) -> None:
    (x, y), edge = points
    _disc(draw, (x, y), math.dist((x, y), edge), value)


def _lines(draw: ImageDraw.ImageDraw, points: list[Point], value: int, owner: str) -> None:
    draw.line(points, fill=value, width=LINE_WIDTH)


def _point(draw: ImageDraw.ImageDraw, points: list[Point], value: int, owner: str) -> None:
    _disc(draw, points[0], POINT_RADIUS, value)


def _disc(draw: ImageDraw.ImageDraw, centre: Point, radius: float, value: int) -> None:
    x, y = centre
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=value, outline=value)


# Of each kind of shape: the fewest and the most points that it has, and what draws it; a mask is pasted.
SHAPES: dict[str, tuple[tuple[int, int | None], Callable[[ImageDraw.ImageDraw, list[Point], int, str], None] | None]]
SHAPES = {
    "polygon": ((3, None), _polygon),
    "rectangle": ((2, 4), _rectangle),
    "oriented_rectangle": ((4, 4), _quadrilateral),
    "rotation": ((4, 4), _quadrilateral),  # X-AnyLabeling's name for it
    "circle": ((2, 2), _circle),
    "line": ((2, 2), _lines),
    "linestrip": ((2, None), _lines),
    "point": ((1, 1), _point),
    "mask": ((1, 2), None),
}


def _paste(canvas: Image.Image, points: list[Point], png: bytes, value: int, owner: str) -> None:
    """Draw a shape given as a PNG whose upper left pixel lies at the first point."""
    try:
        stencil = Image.open(io.BytesIO(png)).convert("L").point(lambda level: 255 if level else 0)
    except UNDECODABLE as error:
        raise UserError(f"{owner}: its mask does not decode ({why_undecodable(error)}); redraw it") from None
    canvas.paste(value, (round(points[0][0]), round(points[0][1])), stencil)


def _read(member: Member) -> dict:
    content = read_json_file(member)
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(s, dict) and isinstance(s.get("label"), str) for s in shapes):
        raise UserError(f"{member}: is not LabelMe's: it has no list of shapes with labels; remove it or save it again")
    for key in ("imageWidth", "imageHeight"):
        if not isinstance(content.get(key), int | None):
            raise UserError(f"{member}: {key} = {content[key]!r} is no number of pixels; save it again")
    return content


def _is_labelme(content: object) -> bool:
    return isinstance(content, dict) and isinstance(content.get("shapes"), list)


def _points(shape: dict, owner: str) -> list[Point]:
    points = shape.get("points")
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        points = [["none"]]
    return checked_points([number for point in points for number in point], owner)


def _base64(text: object, owner: str) -> bytes:
    """What is written in base64, in lines or in one, with or without the start of a data URI."""
    try:
        written = str(text or "")
        written = written.partition(",")[2] if written.startswith("data:") else written
        return base64.b64decode("".join(written.split()), validate=True)
    except (binascii.Error, ValueError):
        raise UserError(f"{owner} is not base64; save it again in LabelMe") from None
