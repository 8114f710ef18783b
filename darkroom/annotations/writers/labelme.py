"""LabelMe's JSON files, one beside each image, in a folder for each split. `labels.txt` lists the classes."""

import base64
import json
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from darkroom.annotations.formats._base import DrawnShape, Mask
from darkroom.annotations.pair import BACKGROUND_NAMES, Size
from darkroom.annotations.shapes import Convention, Polygon, Region, find_pixels
from darkroom.annotations.writers._base import SPLIT_NAMES, DrawnImage, Writer, Written
from darkroom.annotations.writers._objects import (
    Item,
    count_differing,
    draw_kept,
    find_regions,
    iou,
    polygons_of,
)
from darkroom.annotations.writers._outlines import moved, trace_centres
from darkroom.common.errors import UserError
from darkroom.common.files import write_text
from darkroom.datasets.pairs import IGNORED

VERSION = "5.4.1"  # of the layout
IGNORE_LABEL, BACKGROUND_LABEL = "__ignore__", BACKGROUND_NAMES[1]
AS_MASKS = "shapes with holes are LabelMe's masks, which LabelMe 5.3 and later can edit"


class LabelMe(Writer):
    """LabelMe's JSON files. Shapes keep their order, in which LabelMe draws them."""

    def check_names(self) -> None:
        """Check that no class has the name that LabelMe gives ignored pixels."""
        if IGNORE_LABEL in self.names:
            raise UserError(f"class {IGNORE_LABEL!r}: LabelMe ignores the pixels of this name; rename the class")

    def image_folder(self, split: str | None) -> Path:
        """Return the folder of a split's images."""
        return self.root / SPLIT_NAMES.get(split or "", "")

    def write(self, image: DrawnImage) -> Written:
        """Write the JSON file of an image."""
        changed: Counter[str] = Counter()
        if image.shapes is None:
            items = regions_in_order(image.mask, self.first)
            groups: list[Hashable] = [None] * len(items)
        else:
            items, groups = _keep_shapes(image, image.shapes, changed)
            differing = count_differing(items, image.mask)
            if differing:
                changed["pixels along edges of polygons differ, since LabelMe draws polygons differently"] += differing
        labels = {0: BACKGROUND_LABEL, **dict(enumerate(self.names[self.first :], self.first)), IGNORED: IGNORE_LABEL}
        shapes: list[dict[str, Any]] = []
        numbers: dict[Hashable, int] = {}  # of groups
        for place, (item, group) in enumerate(zip(items, groups, strict=True)):
            entries = list(_entries(item, image.size))
            changed[AS_MASKS] += sum(entry["shape_type"] == "mask" for entry in entries)
            key = ("shape", place) if group is None else ("group", group)
            is_single = group is None and len(entries) == 1
            number = None if is_single else numbers.setdefault(key, len(numbers) + 1)
            shapes += [{"label": labels[item.class_id], "group_id": number, **entry} for entry in entries]
        width, height = image.size
        content: dict[str, Any] = {
            "version": VERSION, "flags": {}, "shapes": shapes, "imagePath": image.image.name, "imageData": None,
            "imageHeight": height, "imageWidth": width,
        }  # fmt: skip
        path = image.image.with_name(f"{image.name}.json")
        write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        classes = frozenset(item.class_id for item in items) - {IGNORED}
        return Written(image.name, image.split, image.image.name, image.size, classes, None, +changed)

    def finish(self, written: list[Written]) -> None:
        """Write the list of the classes that LabelMe's option `--labels` takes."""
        write_text(self.root / "labels.txt", "\n".join([IGNORE_LABEL, BACKGROUND_LABEL, *self.names[self.first :], ""]))

    def remarks(self, written: list[Written]) -> list[str]:
        """Return what the files do not hold; LabelMe knows a class by its shapes alone."""
        unused = self.unused_classes(written)
        told = [f"{len(unused)} classes have no shape: {', '.join(unused)}"] if unused else []
        foreground = self.names[self.first :]
        if foreground != sorted(foreground):
            told.append("LabelMe keeps no order of classes: labels.txt has it")
        return [*super().remarks(written), *told]


def regions_in_order(mask: Mask, first: int) -> list[Item]:
    """Return regions of one value, in an order in which LabelMe draws the mask from them.

    Each is a polygon around a connected region, filled, larger ones first. Filled regions either lie one in another or
    apart, as long as regions are not connected across corners. Where they are, two of them can cross.
    """
    for connectivity in (8, 4):
        regions = [_fill(value, region, mask) for value, region in find_regions(mask, connectivity)]
        regions.sort(key=lambda item: -int(item.region.pixels.sum()))
        canvas, items = np.zeros_like(mask), []
        for item in regions:
            target = canvas[item.region.slices]
            if item.class_id >= first or target[item.region.pixels].any():
                target[item.region.pixels] = item.class_id
                items.append(item)
        if (canvas == mask).all():
            break
    return items


def _fill(value: int, region: Region, mask: Mask) -> Item:
    """Return a connected region without its holes, as a polygon if LabelMe draws it so."""
    contours, _ = cv2.findContours(region.pixels.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(region.pixels.shape, np.uint8)
    cv2.drawContours(filled, contours, 0, 1, cv2.FILLED)
    return _as_polygon(value, Region(region.left, region.top, filled.astype(bool)), (mask.shape[1], mask.shape[0]))


def _as_polygon(value: int, region: Region, size: Size) -> Item:
    """Return a connected region as the polygon through the centres of its outer pixels, if LabelMe draws it so."""
    ring = moved(trace_centres(region.pixels), region)
    is_same = iou(find_pixels(Polygon((ring,)), size, Convention.PILLOW, ""), region) == 1
    return Item(value, region, (ring,) if is_same else (), region)


def _keep_shapes(
    image: DrawnImage, shapes: Sequence[DrawnShape], changed: Counter[str]
) -> tuple[list[Item], list[Hashable]]:
    """Return the shapes of an image in their order, and the group of each."""
    items, groups = [], []
    for one in shapes:
        if not one.region.pixels.any():
            changed["shapes have no pixel in their image and are left out"] += 1
            continue
        rings = polygons_of(one.shape.geometry)
        drawn = draw_kept(rings, one.region, image, Convention.PILLOW) if rings else None
        items.append(Item(one.class_id, one.region, rings if drawn else (), drawn or one.region))
        groups.append(one.shape.object_key)
    return items, groups


def _entries(item: Item, size: Size) -> Iterator[dict[str, Any]]:
    """Yield LabelMe's shapes of an object: its polygons, else polygons around its regions, and masks of the others."""
    for ring in item.rings:
        yield {"points": ring.tolist(), "shape_type": "polygon", "flags": {}, "mask": None}
    if item.rings:
        return
    for is_inside, part in find_regions(item.region.pixels.view(np.uint8)):
        if is_inside:
            region = Region(item.region.left + part.left, item.region.top + part.top, part.pixels)
            outlined = _as_polygon(item.class_id, region, size)
            yield from _entries(outlined, size) if outlined.rings else [_mask_entry(region)]


def _mask_entry(region: Region) -> dict[str, Any]:
    """Return LabelMe's mask of a region: its first and last pixel, and a PNG of the pixels between."""
    rows, columns = region.slices
    _, png = cv2.imencode(".png", region.pixels.astype(np.uint8))
    return {
        "points": [[columns.start, rows.start], [columns.stop - 1, rows.stop - 1]],
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(png.tobytes()).decode(),
    }
