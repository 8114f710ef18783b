"""Shapes that people annotate, and their pixels.

Coordinates are in pixels. Corners of pixels have whole numbers: the image spans from (0, 0) to (width, height).
"""

import io
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from darkroom.annotations.pair import LARGEST_COORDINATE, Size
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.decode import MOST_PIXELS, UNDECODABLE, why_undecodable

Ring = NDArray[np.float64]  # the corners of a closed line, (n, 2), x and y
Pixels = NDArray[np.bool_]  # (height, width)

ELLIPSE_CORNERS = 360  # of the polygon that stands for an ellipse
EDGES_AT_ONCE = 1000


class Convention(Enum):
    """Which pixels a polygon covers. Tools differ along the edge."""

    PYCOCOTOOLS = "pixels whose centre is inside, to a fifth of a pixel; as COCO's tools, Datumaro and CVAT draw"
    PILLOW = "corners are cut to whole numbers, and pixels on the edge belong to it; as LabelMe draws"
    OPENCV = "as Pillow's, drawn by OpenCV's fillPoly; as Supervisely and darwin-py draw"
    CENTRES = (
        "corners are cut to whole numbers, which are centres of pixels; those inside or on the edge; as ISAT draws"
    )


@dataclass(frozen=True, slots=True)
class Polygon:
    """The union of `parts` without `holes`."""

    parts: tuple[Ring, ...]
    holes: tuple[Ring, ...] = ()


@dataclass(frozen=True, slots=True)
class EvenOdd:
    """What an odd number of rings contain, so that a ring inside another is a hole."""

    rings: tuple[Ring, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle given by two corners."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An ellipse with centre (x, y). It is turned clockwise, as seen on the screen, by `degrees`."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    degrees: float = 0.0


@dataclass(frozen=True, slots=True)
class Lines:
    """A line from point to point, `width` pixels wide."""

    points: Ring
    width: int


@dataclass(frozen=True, slots=True)
class Runs:
    """Pixels as run lengths: counts of pixels that are in turn outside and inside, the first ones outside.

    Attributes:
        counts: integers; they add up to `width` times `height`.
        width: of the part of the image that the runs cover.
        height: of that part.
        left: column of the part's first pixel.
        top: row of the part's first pixel.
        by_column: the runs go down the columns, as COCO's do, and not along the rows.
    """

    counts: NDArray[np.int64]
    width: int
    height: int
    left: int = 0
    top: int = 0
    by_column: bool = False


@dataclass(frozen=True, slots=True)
class Stencil:
    """An image file whose pixels are inside where they are not black, or not transparent where it has transparency.

    Where `value` is set, those pixels are inside whose colour is this number: red + 256 green + 65536 blue.

    Attributes:
        file: the file's content, or the file, or its path as the annotation names it.
        left: column of the first pixel.
        top: row of the first pixel.
        fits: the file is scaled to the size of the image, by the nearest pixel.
        value: number of the pixels that are inside.
    """

    file: bytes | Member | str
    left: int = 0
    top: int = 0
    fits: bool = False
    value: int | None = None


Geometry = Polygon | EvenOdd | Box | Ellipse | Lines | Runs | Stencil


@dataclass(frozen=True, slots=True)
class Shape:
    """An annotated shape.

    Attributes:
        label: key of its class in the source: a name or a number.
        geometry: where it is.
        title: what stands for it in messages after the file's name, such as `shapes[3]`.
        object_key: shapes of one image with the same key are one object; None: an object of its own.
        is_object: False of an area that is no single object, such as sky or a crowd. It gets no object id.
    """

    label: Hashable
    geometry: Geometry
    title: str
    object_key: Hashable = None
    is_object: bool = True


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """What an annotation file says of an image.

    Attributes:
        path: of the image, as the file names it.
        shapes: in the order in which they are drawn; later ones cover earlier ones.
        size: width and height that the file states.
        relative: coordinates are fractions of width and height and not pixels.
        embedded: the annotation file contains the image.
        split: train, validation or test, where the annotation file says so.
        other_path: another name of the image, for where there is none of the first.
    """

    path: str
    shapes: list[Shape]
    size: Size | None = None
    relative: bool = False
    embedded: bool = False
    split: str | None = None
    other_path: str | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """The pixels of a shape: `pixels`, whose first one lies in row `top` and column `left` of the image."""

    left: int
    top: int
    pixels: Pixels

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rows and columns of the image that `pixels` covers."""
        height, width = self.pixels.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


NOWHERE = Region(0, 0, np.zeros((0, 0), bool))


def ring(points: Sequence[Sequence[float]]) -> Ring:
    """Return points as an array (n, 2)."""
    return np.array(points, np.float64).reshape(-1, 2)


def corners_of(shape: Box | Ellipse) -> Ring:
    """Return a box or an ellipse as a closed line."""
    if isinstance(shape, Box):
        return ring(
            [(shape.left, shape.top), (shape.right, shape.top), (shape.right, shape.bottom), (shape.left, shape.bottom)]
        )
    angles = np.linspace(0, 2 * np.pi, ELLIPSE_CORNERS, endpoint=False)
    along, across = shape.radius_x * np.cos(angles), shape.radius_y * np.sin(angles)
    cos, sin = np.cos(np.radians(shape.degrees)), np.sin(np.radians(shape.degrees))
    return np.stack([shape.x + along * cos - across * sin, shape.y + along * sin + across * cos], axis=1)


def turned_box(x: float, y: float, width: float, height: float, degrees: float, about: tuple[float, float]) -> Ring:
    """Return the corners of a box with the first corner (x, y), turned clockwise about a point."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    offsets = corners_of(Box(x, y, x + width, y + height)) - about
    return np.asarray(offsets @ np.array([[cos, sin], [-sin, cos]]) + about)


def scaled(geometry: Geometry, width: float, height: float) -> Geometry:
    """Return a geometry with all x multiplied by `width` and all y by `height`. Runs and stencils stay as they are."""
    factors = np.array([width, height])
    match geometry:
        case Polygon(parts, holes):
            return Polygon(tuple(part * factors for part in parts), tuple(hole * factors for hole in holes))
        case EvenOdd(rings):
            return EvenOdd(tuple(one * factors for one in rings))
        case Box(left, top, right, bottom):
            return Box(left * width, top * height, right * width, bottom * height)
        case Ellipse():
            if geometry.degrees % 90:
                return Polygon((corners_of(geometry) * factors,))
            return replace(
                geometry, x=geometry.x * width, y=geometry.y * height, radius_x=geometry.radius_x * width,
                radius_y=geometry.radius_y * height,
            )  # fmt: skip
        case Lines(points, line_width):
            return Lines(points * factors, line_width)
        case _:
            return geometry


def turned_upright(geometry: Geometry, size: Size, exif_value: int) -> Geometry:
    """Return a polygon or a box on a photo as it is stored, turned as the photo's EXIF tag says; others as they are.

    Args:
        geometry: the shape, in pixels.
        size: width and height of the photo as it is stored.
        exif_value: value of the tag, from 2 to 8.
    """
    if isinstance(geometry, Box):
        geometry = Polygon((corners_of(geometry),))
    if not isinstance(geometry, Polygon):
        return geometry

    def turn(points: Ring) -> Ring:
        x, y = points.T
        if exif_value in (2, 3, 7, 8):
            x = size[0] - x
        if exif_value in (3, 4, 6, 7):
            y = size[1] - y
        return np.stack([x, y] if exif_value < 5 else [y, x], axis=1)

    return Polygon(tuple(map(turn, geometry.parts)), tuple(map(turn, geometry.holes)))


def points_of(geometry: Geometry) -> Ring:
    """Return the points that were annotated, (n, 2); none of runs and stencils."""
    match geometry:
        case Polygon(parts, holes):
            return np.concatenate([*parts, *holes])
        case EvenOdd(rings):
            return np.concatenate(rings)
        case Box(left, top, right, bottom):
            return ring([(left, top), (right, bottom)])
        case Ellipse(x, y):
            return ring([(x, y)])
        case Lines(points, _):
            return points
        case _:
            return np.zeros((0, 2))


def count_outside(geometry: Geometry, size: Size) -> int:
    """Return how many of the annotated points lie outside the image. Drawing clips them."""
    points = points_of(geometry)
    return int(((points < 0) | (points > size)).any(axis=1).sum())


def find_pixels(geometry: Geometry, size: Size, convention: Convention, owner: str) -> Region:
    """Return the pixels of a shape that lie in an image.

    Args:
        geometry: the shape, in pixels.
        size: width and height of the image.
        convention: how polygons are drawn.
        owner: the shape's name, for messages.

    Raises:
        UserError: the geometry does not decode, or it does not fit the image.
    """
    if isinstance(geometry, Runs):
        return _clip(Region(geometry.left, geometry.top, _decode_runs(geometry, owner)), size)
    if isinstance(geometry, Stencil):
        return _clip(_decode_stencil(geometry, size, owner), size)
    if isinstance(geometry, EvenOdd):
        return _fill_even_odd(geometry, size, convention)
    if convention is Convention.PILLOW:
        return _draw_by_pillow(geometry, size)
    if isinstance(geometry, Lines):
        return _draw_lines(geometry, size)
    polygon = geometry if isinstance(geometry, Polygon) else Polygon((corners_of(geometry),))
    frame = _frame(np.concatenate([*polygon.parts, *polygon.holes]), size)
    if frame is None:
        return NOWHERE
    left, top, width, height = frame
    fill = FILLS[convention]
    pixels = fill(polygon.parts, left, top, width, height)
    if polygon.holes:
        pixels &= ~fill(polygon.holes, left, top, width, height)
    return Region(left, top, pixels)


def _frame(points: Ring, size: Size, margin: int = 2) -> tuple[int, int, int, int] | None:
    """Return left, top, width and height of the part of the image around points; None where they lie outside.

    Offsets are whole numbers, so that a shape drawn in the part has the pixels that it has in the image.
    """
    low = np.maximum(np.floor(points.min(axis=0)) - margin, 0).astype(int)
    high = np.minimum(np.ceil(points.max(axis=0)) + margin, size).astype(int)
    if (high <= low).any():
        return None
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _fill_by_pycocotools(rings: Sequence[Ring], left: int, top: int, width: int, height: int) -> Pixels:
    """Draw as pycocotools does, which rounds to fifths of a pixel: these are rounded before they are moved.

    A coordinate is below 0 only along an axis on which nothing is moved.
    """
    from pycocotools import mask as rasterize

    moved = [np.where((left, top), np.floor(5 * one + 0.5) / 5 - (left, top), one).ravel().tolist() for one in rings]
    encoded = rasterize.merge(rasterize.frPyObjects(moved, height, width))
    return np.asarray(rasterize.decode(encoded)).astype(bool)


def _fill_by_opencv(rings: Sequence[Ring], left: int, top: int, width: int, height: int) -> Pixels:
    canvas = np.zeros((height, width), np.uint8)
    for one in rings:
        cv2.fillPoly(canvas, [(np.trunc(one) - (left, top)).astype(np.int32)], 1)
    return canvas.astype(bool)


def _fill_centres(rings: Sequence[Ring], left: int, top: int, width: int, height: int) -> Pixels:
    whole = [np.trunc(one) for one in rings]
    pixels = _fill_by_pycocotools([one + 0.5 for one in whole], left, top, width, height)
    for one in whole:
        starts = (one - (left, top)).astype(int)
        ends = np.roll(starts, -1, axis=0)
        for first in range(0, len(one), EDGES_AT_ONCE):
            block = slice(first, first + EDGES_AT_ONCE)
            _mark_edges(pixels, starts[block], ends[block])
    return pixels


def _mark_edges(pixels: Pixels, starts: NDArray[np.int_], ends: NDArray[np.int_]) -> None:
    """Set the pixels whose whole-numbered place, x and y, lies on one of the lines from `starts` to `ends`."""
    steps = np.gcd(*(ends - starts).T)  # places on each line, less one
    stride = (ends - starts) // np.maximum(steps, 1)[:, None]
    last = np.array(pixels.shape[::-1]) - 1
    with np.errstate(divide="ignore", invalid="ignore"):  # a line along an axis is bounded by the other one alone
        bounds = np.sort(np.stack([-starts / stride, (last - starts) / stride]), axis=0)
    bounds[:, stride == 0] = np.array([[-np.inf], [np.inf]])
    low = np.maximum(np.ceil(bounds[0].max(axis=1)), 0)
    high = np.minimum(np.floor(bounds[1].min(axis=1)), steps)
    counts = np.maximum(high - low + 1, 0).astype(int)
    line = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts) + low[line].astype(int)
    x, y = (starts[line] + place[:, None] * stride[line]).T
    inside = (x >= 0) & (x <= last[0]) & (y >= 0) & (y <= last[1])
    pixels[y[inside], x[inside]] = True


FILLS = {
    Convention.PYCOCOTOOLS: _fill_by_pycocotools,
    Convention.OPENCV: _fill_by_opencv,
    Convention.CENTRES: _fill_centres,
}


def _fill_even_odd(geometry: EvenOdd, size: Size, convention: Convention) -> Region:
    frame = _frame(np.concatenate(geometry.rings), size)
    if frame is None:
        return NOWHERE
    left, top, width, height = frame
    if convention is Convention.OPENCV:  # the edge of a hole belongs to the shape
        canvas = np.zeros((height, width), np.uint8)
        cv2.fillPoly(canvas, [(np.trunc(one) - (left, top)).astype(np.int32) for one in geometry.rings], 1)
        return Region(left, top, canvas.astype(bool))
    pixels = np.zeros((height, width), bool)
    for one in geometry.rings:
        pixels ^= FILLS[convention]([one], left, top, width, height)
    return Region(left, top, pixels)


def _draw_lines(lines: Lines, size: Size) -> Region:
    frame = _frame(lines.points, size, margin=lines.width)
    if frame is None:
        return NOWHERE
    left, top, width, height = frame
    canvas = np.zeros((height, width), np.uint8)
    points = np.rint(lines.points - (left, top)).astype(np.int32)
    cv2.polylines(canvas, [points], isClosed=False, color=1, thickness=lines.width)
    return Region(left, top, canvas.astype(bool))


def _draw_by_pillow(geometry: Polygon | Box | Ellipse | Lines, size: Size) -> Region:
    """Draw as LabelMe does. Coordinates are not moved, since Pillow's rounding of edges depends on their size."""
    width = geometry.width if isinstance(geometry, Lines) else 0
    reach = (geometry.radius_x, geometry.radius_y) if isinstance(geometry, Ellipse) else (0, 0)
    points = points_of(geometry)
    around = np.concatenate([points - reach, points + reach])
    frame = _frame(around, size, margin=2 + width)
    if frame is None:
        return NOWHERE
    left, top, frame_width, frame_height = frame
    box = (left, top, left + frame_width, top + frame_height)
    canvas = Image.new("1", box[2:])
    draw = ImageDraw.Draw(canvas)

    def cut(some: Ring) -> list[tuple[float, float]]:
        return [(x, y) for x, y in np.trunc(some).tolist()]

    match geometry:
        case Polygon(parts, holes):
            for part in parts:
                draw.polygon(cut(part), fill=1, outline=1)
            for hole in holes:
                draw.polygon(cut(hole), fill=0, outline=0)
        case Box(x1, y1, x2, y2):
            draw.rectangle(cut(ring([(min(x1, x2), min(y1, y2)), (max(x1, x2), max(y1, y2))])), fill=1, outline=1)
        case Ellipse(x, y, radius_x, radius_y, degrees):
            if degrees % 180:
                draw.polygon(cut(corners_of(geometry)), fill=1, outline=1)
            else:
                corners = ring([(x - radius_x, y - radius_y), (x + radius_x, y + radius_y)])
                draw.ellipse(cut(corners), fill=1, outline=1)
        case Lines(points, _):
            draw.line(cut(points), fill=1, width=width)
    return Region(left, top, np.asarray(canvas.crop(box)))


def _clip(region: Region, size: Size) -> Region:
    """Return the part of a region that lies in the image."""
    width, height = size
    pixels = region.pixels[max(0, -region.top) :, max(0, -region.left) :]
    left, top = max(0, region.left), max(0, region.top)
    return Region(left, top, pixels[: max(0, height - top), : max(0, width - left)])


def _decode_runs(runs: Runs, owner: str) -> Pixels:
    area = runs.width * runs.height
    if area > MOST_PIXELS:
        raise UserError(f"{owner}: its run lengths cover {runs.width}×{runs.height} pixels, which are too many")
    if (runs.counts < 0).any() or int(runs.counts.sum()) != area:
        raise UserError(
            f"{owner}: its run lengths are of {int(runs.counts.sum())} pixels, not of {runs.width}×{runs.height}; "
            "export it again"
        )
    flat = np.repeat(np.arange(len(runs.counts)) % 2 == 1, runs.counts)
    if runs.by_column:
        return np.asarray(flat.reshape(runs.width, runs.height).T)
    return np.asarray(flat.reshape(runs.height, runs.width))


def find_numbers(image: Image.Image) -> NDArray[np.int32]:
    """Return the number that each pixel's colour stands for: red + 256 green + 65536 blue.

    Raises:
        ValueError: the image has no colours.
    """
    if image.mode not in ("RGB", "RGBA", "P"):
        raise ValueError(f"it is {image.mode}, not RGB")
    return np.asarray(image.convert("RGB")).astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)


def _decode_stencil(stencil: Stencil, size: Size, owner: str) -> Region:
    if isinstance(stencil.file, str):
        raise UserError(f"{owner}: its mask {stencil.file!r} is not in the archive; add it")
    content = stencil.file.read() if isinstance(stencil.file, Member) else stencil.file
    try:
        image: Image.Image = Image.open(io.BytesIO(content))
        if image.width * image.height > MOST_PIXELS:
            raise Image.DecompressionBombError(f"{image.width}×{image.height} pixels are too many")
        if stencil.value is not None:
            return Region(0, 0, find_numbers(image) == stencil.value)
        if image.mode == "P":
            image = image.convert("RGBA" if "transparency" in image.info else "RGB")
        if "A" in image.getbands():
            image = image.getchannel("A")
        if stencil.fits and image.size != size:
            image = image.resize(size, Image.Resampling.NEAREST)
        pixels = np.asarray(image) != 0
        pixels = pixels.any(axis=2) if pixels.ndim == 3 else pixels
    except UNDECODABLE as error:
        raise UserError(f"{owner}: its mask does not decode ({why_undecodable(error)}); redraw it") from None
    if max(abs(stencil.left), abs(stencil.top)) > LARGEST_COORDINATE:
        raise UserError(f"{owner}: its mask lies at ({stencil.left}, {stencil.top}), far from the image; redraw it")
    return Region(stencil.left, stencil.top, pixels)
