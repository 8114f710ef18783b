"""JSON files of LabelMe (formats 3 to 5) and of X-AnyLabeling, one beside each image.

All kinds of shapes are drawn in the order of the file, later ones over earlier ones, as LabelMe draws them. Shapes
labelled `__ignore__` get ignore_index. A file that contains its image needs no image file. See
https://github.com/wkentaro/labelme.
"""

import base64
import binascii
import io
import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from PIL import Image, ImageDraw

from darkroom.annotations.formats._base import AnnotationFormat, Mask, Members, Orientation, Refuse
from darkroom.annotations.image_index import ImageIndex
from darkroom.annotations.json_files import read_json_file, read_json_with_key
from darkroom.annotations.pair import (
    BACKGROUND,
    BACKGROUND_NAMES,
    IMAGE_SUFFIXES,
    Pair,
    Point,
    Size,
    WrongSize,
    check_points,
    count_outside,
    file_name,
    folded,
)
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.decode import UNDECODABLE, why_undecodable
from darkroom.datasets.pairs import IGNORED
from darkroom.datasets.split_folders import split_in

JsonObject = dict[str, Any]  # its values are checked where they are used

IGNORE_LABEL = "__ignore__"
LINE_WIDTH, POINT_RADIUS = 10, 5  # pixels, as LabelMe draws them


class LabelMe(AnnotationFormat):
    """LabelMe's JSON files. LabelMe turns a photo upright before one draws on it."""

    ORIENTATION: ClassVar[Orientation | None] = "seen"

    def recognizes(self, members: Members, parameters: AnnotationParameters) -> bool:
        """Return whether there is a JSON file with a list of shapes."""
        files = (member for name, member in members.items() if name.lower().endswith(".json"))
        return any(_has_shapes(read_json_with_key(member, "shapes")) for member in files)

    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return a pair for each JSON file with shapes.

        A JSON file that is named like an image but has no shapes is refused, and so are annotations without their
        image. Other JSON files are not annotations.
        """
        images, pairs = ImageIndex(members), []
        image_stems = {folded(name.rpartition(".")[0]) for name in members if name.lower().endswith(IMAGE_SUFFIXES)}
        for name, member in members.items():
            if not name.lower().endswith(".json"):
                continue
            try:
                if not _has_shapes(read_json_file(member)) and folded(name.rpartition(".")[0]) not in image_stems:
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
            pairs.append(Pair(file_name(name), image, member, split_in(name)))
        return pairs

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the labels by themselves: those of `annotations.classes`, else all in the files, sorted."""
        labels = parameters.classes
        if labels is None:
            used = {shape["label"] for pair in pairs for shape in _read(pair.annotation)["shapes"]}
            labels = sorted(used - {IGNORE_LABEL, *BACKGROUND_NAMES})
        return {**dict.fromkeys(BACKGROUND_NAMES, BACKGROUND), **{label: label for label in labels}}

    def annotated_size(self, pair: Pair) -> Size | None:
        """Return the size that the JSON file states for the image."""
        return _stated_size(_read(pair.annotation))

    def draw_mask(self, pair: Pair, ids: Mapping[Hashable, int], size: Size, refuse: Refuse) -> tuple[Mask, int]:
        """Draw the shapes in the order of the file, later ones over earlier ones."""
        content = _read(pair.annotation)
        stated = _stated_size(content)
        if stated is not None and stated != size:
            raise WrongSize(
                f"{pair.annotation}: was drawn on {stated[0]}×{stated[1]} pixels, but its image has {size[0]}×{size[1]}"
            )
        canvas = Image.new("L", size)
        known = {**ids, IGNORE_LABEL: IGNORED}
        outside = 0
        for index, shape in enumerate(content["shapes"]):
            try:
                outside += _draw(canvas, shape, known, f"{pair.annotation}: shapes[{index}], a {shape['label']}")
            except UserError as error:
                refuse(str(error))
        return np.asarray(canvas), outside

    def read_embedded_image(self, pair: Pair) -> bytes:
        """Return the image file that `imageData` contains in base64."""
        return _decode_base64(_read(pair.annotation).get("imageData"), f"{pair.annotation}: imageData")


def _draw(canvas: Image.Image, shape: JsonObject, ids: Mapping[Hashable, int], owner: str) -> int:
    """Draw a shape and return the number of its points outside the image."""
    label, name = shape["label"], str(shape.get("shape_type") or "polygon")
    if label not in ids:
        raise UserError(f"{owner}: unknown class {label!r}; add it to annotations.classes")
    if name not in SHAPES:
        raise UserError(f"{owner}: unknown shape {name!r}; known: {', '.join(SHAPES)}")
    kind, points = SHAPES[name], _read_points(shape, owner)
    if len(points) < kind.fewest or (kind.most is not None and len(points) > kind.most):
        counts = dict.fromkeys([kind.fewest, kind.most])
        needs = f"{kind.fewest} or more" if kind.most is None else " to ".join(map(str, counts))
        raise UserError(f"{owner}: a {name} has {len(points)} points and needs {needs}; redraw it")
    if kind.draw is None:
        _paste_mask(canvas, points[0], _decode_base64(shape.get("mask"), f"{owner}: its mask"), ids[label], owner)
    else:
        kind.draw(ImageDraw.Draw(canvas), points, ids[label], f"{owner}: a {name}")
    return count_outside(points, canvas.size)


def _draw_polygon(draw: ImageDraw.ImageDraw, points: list[Point], class_id: int, owner: str) -> None:
    draw.polygon(points, fill=class_id, outline=class_id)


def _draw_rectangle(draw: ImageDraw.ImageDraw, points: list[Point], class_id: int, owner: str) -> None:
    """Draw a box given by two opposite corners, or by all four, as X-AnyLabeling stores it."""
    if len(points) == 3:
        raise UserError(f"{owner} has 3 points and needs 2 or 4; redraw it")
    xs, ys = [x for x, _ in points], [y for _, y in points]
    left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
    if len(points) == 2 or {(x, y) for x in (left, right) for y in (top, bottom)} == set(points):
        draw.rectangle([left, top, right, bottom], fill=class_id, outline=class_id)
    else:
        _draw_quadrilateral(draw, points, class_id, owner)


def _draw_quadrilateral(draw: ImageDraw.ImageDraw, points: list[Point], class_id: int, owner: str) -> None:
    """Draw four corners in their order, such as those of a rotated box."""
    if not cv2.isContourConvex(np.array(points, np.float32)):
        raise UserError(f"{owner} has four corners that make no box; redraw it")
    _draw_polygon(draw, points, class_id, owner)


def _draw_circle(draw: ImageDraw.ImageDraw, points: list[Point], class_id: int, owner: str) -> None:
    """Draw a disc given by its centre and a point on its edge."""
    centre, edge = points
    _draw_disc(draw, centre, math.dist(centre, edge), class_id)


def _draw_lines(draw: ImageDraw.ImageDraw, points: list[Point], class_id: int, owner: str) -> None:
    draw.line(points, fill=class_id, width=LINE_WIDTH)


def _draw_point(draw: ImageDraw.ImageDraw, points: list[Point], class_id: int, owner: str) -> None:
    _draw_disc(draw, points[0], POINT_RADIUS, class_id)


def _draw_disc(draw: ImageDraw.ImageDraw, centre: Point, radius: float, class_id: int) -> None:
    x, y = centre
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=class_id, outline=class_id)


@dataclass(frozen=True)
class ShapeKind:
    """A kind of shape.

    Attributes:
        fewest: least number of points.
        most: largest number of points; None: no limit.
        draw: draws points with a class id; the last argument names the shape in messages. None: the shape is a mask
            image in base64.
    """

    fewest: int
    most: int | None
    draw: Callable[[ImageDraw.ImageDraw, list[Point], int, str], None] | None


SHAPES = {
    "polygon": ShapeKind(3, None, _draw_polygon),
    "rectangle": ShapeKind(2, 4, _draw_rectangle),
    "oriented_rectangle": ShapeKind(4, 4, _draw_quadrilateral),
    "rotation": ShapeKind(4, 4, _draw_quadrilateral),  # X-AnyLabeling's name for it
    "circle": ShapeKind(2, 2, _draw_circle),
    "line": ShapeKind(2, 2, _draw_lines),
    "linestrip": ShapeKind(2, None, _draw_lines),
    "point": ShapeKind(1, 1, _draw_point),
    "mask": ShapeKind(1, 2, None),
}


def _paste_mask(canvas: Image.Image, corner: Point, png: bytes, class_id: int, owner: str) -> None:
    """Draw a shape given as a PNG whose upper left pixel lies at `corner`."""
    try:
        stencil = Image.open(io.BytesIO(png)).convert("L").point(lambda level: 255 if level else 0)
    except UNDECODABLE as error:
        raise UserError(f"{owner}: its mask does not decode ({why_undecodable(error)}); redraw it") from None
    canvas.paste(class_id, (round(corner[0]), round(corner[1])), stencil)


def _read(member: Member) -> JsonObject:
    """Return the content of a LabelMe file; `shapes` is a list of objects with a text as `label`."""
    content = read_json_file(member)
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if (
        not isinstance(content, dict)
        or not isinstance(shapes, list)
        or not all(isinstance(shape, dict) and isinstance(shape.get("label"), str) for shape in shapes)
    ):
        raise UserError(f"{member}: is not LabelMe's: it has no list of shapes with labels; remove it or save it again")
    for key in ("imageWidth", "imageHeight"):
        if not isinstance(content.get(key), int | None):
            raise UserError(f"{member}: {key} = {content[key]!r} is no number of pixels; save it again")
    return content


def _stated_size(content: JsonObject) -> Size | None:
    width, height = content.get("imageWidth"), content.get("imageHeight")
    return (width, height) if width and height else None


def _has_shapes(content: object) -> bool:
    return isinstance(content, dict) and isinstance(content.get("shapes"), list)


def _read_points(shape: JsonObject, owner: str) -> list[Point]:
    points = shape.get("points")
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        points = [[None, None]]  # which is refused as no numbers
    return check_points([number for point in points for number in point], owner)


def _decode_base64(text: object, owner: str) -> bytes:
    """Return the bytes that base64 text stands for, with or without line breaks or the start of a data URI."""
    try:
        written = str(text or "")
        written = written.partition(",")[2] if written.startswith("data:") else written
        return base64.b64decode("".join(written.split()), validate=True)
    except (binascii.Error, ValueError):
        raise UserError(f"{owner} is not base64; save it again in LabelMe") from None
