"""The objects that a layout of objects holds: annotated polygons where they draw the mask, else pixels."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from darkroom.annotations.formats._base import DrawnShape, Mask
from darkroom.annotations.shapes import (
    Box,
    Convention,
    Geometry,
    Pixels,
    Polygon,
    Region,
    Ring,
    corners_of,
    find_pixels,
)
from darkroom.annotations.writers._base import DrawnImage
from darkroom.datasets.pairs import IGNORED

# Polygons are kept whose pixels, as the tool of the source and the tool that reads them draw them, have this IoU. Tools
# differ along edges, so of thin or tiny shapes little would be left, and their pixels are written instead.
LEAST_IOU = 0.75

# Makes the closed lines that a layout holds from annotated polygons; None: it cannot hold them.
Adapt = Callable[[Sequence[Ring]], list[Ring] | None]


@dataclass(frozen=True)
class Item:
    """An object to write.

    Attributes:
        class_id: its class.
        region: its pixels.
        rings: the polygons to write; none: the pixels are written.
        drawn: the pixels as the tool that reads the layout draws them.
    """

    class_id: int
    region: Region
    rings: tuple[Ring, ...]
    drawn: Region

    @classmethod
    def of_pixels(cls, class_id: int, region: Region) -> "Item":
        """Return an object without polygons."""
        return cls(class_id, region, (), region)


def find_items(image: DrawnImage, first: int, adapt: Adapt, changed: Counter[str]) -> list[Item]:
    """Return the objects of an image in the order of drawing, for a tool that draws smaller ones over larger ones.

    Drawn in that order by pycocotools they make the mask, except along the edges of polygons that came from a tool that
    draws otherwise. Of a source of shapes, the annotated polygons are kept, except for those that would cover what they
    do not cover in the mask: of these the visible pixels remain. Of masks, the objects are the connected regions of a
    class.

    Args:
        image: the image.
        first: id of the first class that is not the background.
        adapt: makes the lines that the layout holds.
        changed: what the layout does not hold is counted here.
    """
    is_ignored = image.mask == IGNORED
    nothing = 0 if first else IGNORED
    truth = np.where(is_ignored, np.uint8(nothing), image.mask)
    if is_ignored.any():
        changed["ignored pixels became background"] += int(is_ignored.sum())
    if image.shapes is None:
        regions = [Item.of_pixels(class_id, region) for class_id, region in find_regions(truth) if class_id != nothing]
        changed["objects are connected regions of a class, since masks do not tell objects apart"] += len(regions)
        return regions
    items = list(_join_shapes(image, image.shapes, adapt))
    found = _show_visible(items, truth)
    hidden = len(items) - len(found)
    if hidden:
        changed["objects have no visible pixel and are left out"] += hidden
    differing = count_differing(found, truth)
    if differing:
        changed["pixels along edges of polygons differ, since the tools draw polygons differently"] += differing
    return found


def find_regions(mask: Mask, connectivity: int = 8) -> Iterator[tuple[int, Region]]:
    """Yield the connected regions of one value, largest values last.

    Args:
        mask: values (height, width).
        connectivity: 8: pixels that touch at a corner are connected, except those of value 0. 4: they are not.
    """
    for value in np.flatnonzero(np.bincount(mask.ravel())).tolist():
        is_value = (mask == value).view(np.uint8)
        left, top, width, height = cv2.boundingRect(is_value)
        part = is_value[top : top + height, left : left + width]
        _, labels, boxes, _ = cv2.connectedComponentsWithStats(part, connectivity=connectivity if value else 4)
        for number, (x, y, w, h) in enumerate(boxes[1:, :4].tolist(), 1):
            yield value, Region(left + x, top + y, labels[y : y + h, x : x + w] == number)


def polygons_of(geometry: Geometry) -> tuple[Ring, ...]:
    """Return the polygons of a shape that consists of polygons without holes; else none."""
    if isinstance(geometry, Box):
        return (corners_of(geometry),)
    return geometry.parts if isinstance(geometry, Polygon) and not geometry.holes else ()


def draw_kept(rings: Sequence[Ring], region: Region, image: DrawnImage, convention: Convention) -> Region | None:
    """Return the pixels of polygons as a tool draws them; None where they differ much from those of the source.

    They are `region` itself where they are the same.
    """
    drawn = find_pixels(Polygon(tuple(rings)), image.size, convention, "")
    agreement = iou(drawn, region)
    return None if agreement < LEAST_IOU else region if agreement == 1 else drawn


def iou(one: Region, other: Region) -> float:
    """Return the intersection of two regions over their union; 0 where both are empty."""
    frame = _unite([one, other])
    covered = np.zeros(frame.pixels.shape, np.uint8)
    for region in (one, other):
        covered[_within(region, frame.left, frame.top)] += region.pixels
    union = np.count_nonzero(covered)
    return float(np.count_nonzero(covered == 2) / union) if union else 0.0


def count_differing(items: Sequence[Item], truth: Mask) -> int:
    """Return how many pixels differ from a mask where the tool that reads the layout draws the objects in order."""
    if all(item.drawn is item.region for item in items):
        return 0
    canvas = np.zeros_like(truth)
    for item in items:
        canvas[item.drawn.slices][item.drawn.pixels] = item.class_id
    return int(np.count_nonzero(canvas != truth))


def _join_shapes(image: DrawnImage, shapes: Sequence[DrawnShape], adapt: Adapt) -> Iterator[Item]:
    """Yield an object for each shape, or for each group of shapes."""
    groups: dict[Hashable, list[DrawnShape]] = defaultdict(list)
    for place, one in enumerate(shapes):
        if 0 < one.class_id < IGNORED:
            group = one.shape.object_key
            groups[(one.class_id, "shape", place) if group is None else (one.class_id, "group", group)].append(one)
    for members in groups.values():
        class_id, region = members[0].class_id, _unite([one.region for one in members])
        polygons = [polygons_of(one.shape.geometry) for one in members]
        rings = adapt([ring for some in polygons for ring in some]) if all(polygons) else None
        drawn = draw_kept(rings, region, image, Convention.PYCOCOTOOLS) if rings else None
        yield Item(class_id, region, tuple(rings or ()) if drawn else (), drawn or region)


def _show_visible(items: Sequence[Item], truth: Mask) -> list[Item]:
    """Return the objects, larger ones first, so that they make the mask when they are drawn in this order.

    An object that covers a pixel of another class gives up what is not visible of it, and then can cover none.
    """
    while True:
        items = [item for item in items if item.region.pixels.any()]
        items.sort(key=lambda item: -int(item.drawn.pixels.sum()))
        top = np.zeros(truth.shape, np.int32)  # places of the uppermost objects, from 1 on
        for place, item in enumerate(items, 1):
            top[item.region.slices][item.region.pixels] = place
        classes = np.array([0, *(item.class_id for item in items)], np.uint8)
        wrong = np.unique(top[classes[top] != truth]).tolist()
        if not wrong:
            return items
        for place in wrong:
            items[place - 1] = _visible(items[place - 1], truth)


def _visible(item: Item, truth: Mask) -> Item:
    region = item.region
    pixels = region.pixels & (truth[region.slices] == item.class_id)
    return Item.of_pixels(item.class_id, Region(region.left, region.top, pixels))


def _unite(regions: Sequence[Region]) -> Region:
    """Return the pixels of all regions."""
    if len(regions) == 1:
        return regions[0]
    left, top = (min(getattr(one, side) for one in regions) for side in ("left", "top"))
    bottom, right = (max(one.slices[axis].stop for one in regions) for axis in (0, 1))
    pixels: Pixels = np.zeros((bottom - top, right - left), bool)
    for one in regions:
        pixels[_within(one, left, top)] |= one.pixels
    return Region(left, top, pixels)


def _within(region: Region, left: int, top: int) -> tuple[slice, slice]:
    """Return the rows and columns of a region in an array whose first pixel lies at (left, top)."""
    return Region(region.left - left, region.top - top, region.pixels).slices
