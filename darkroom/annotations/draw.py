"""Drawing the masks of many pairs on all cores."""

import io
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from PIL import Image, ImageOps

from darkroom.annotations.pair import IGNORED, Classes, Pair
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.source import FORMATS, Source
from darkroom.common.errors import UserError
from darkroom.common.parallel import on_all_cores
from darkroom.datasets.channel_statistics import ChannelStatistics
from darkroom.datasets.decode import decode_bytes
from darkroom.datasets.pairs import write_mask

KEPT_AS_THEY_ARE = {"JPEG": ".jpg", "PNG": ".png"}
ORIENTATION = 0x0112  # EXIF's tag
TURNED = range(2, 9)  # its values but the one for upright
CHUNK = 8  # pairs handed to a worker at a time


@dataclass(frozen=True)
class Order:
    """A pair to convert: where its mask goes, and the folder of its image, None where that is not wanted."""

    pair: Pair
    mask: Path
    images: Path | None


@dataclass(frozen=True)
class Drawn:
    """What one pair adds to the report.

    Attributes:
        pixels: by class id, int64 (256,).
        objects: the pixels of each region of a class that hangs together, corners counting, by class id.
        outside: points of shapes outside of the image, which were clipped.
        left_out: why shapes are missing from the mask.
        seen: whether the annotation was drawn on the image turned by its EXIF orientation, where its size tells.
        untold: there is no mask, since nothing tells which way the annotation was drawn; the rest is empty then.
        error: why there is no mask; the rest is empty then.
    """

    name: str
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    objects: dict[int, list[int]] = field(default_factory=dict)
    statistics: ChannelStatistics = field(default_factory=ChannelStatistics)
    outside: int = 0
    left_out: list[str] = field(default_factory=list)
    seen: str | None = None
    untold: bool = False
    error: str | None = None


def draw_masks(source: Source, orders: list[Order], parameters: AnnotationParameters) -> list[Drawn]:
    """Write the mask, and the image where wanted, of each order; what was drawn, in their order.

    An annotation of an image with an EXIF orientation was drawn on it as it is seen, turned, or as it is stored. Which
    of them it was is told by the size that the annotation states; where both have the same, by `parameters.exif`, by
    the format's tool, or by the other images of the same annotation file.

    Raises:
        UserError: an image or annotation that cannot be used, unless `skip_bad`.
    """
    drawn = _draw_all(source, orders, parameters, parameters.exif if parameters.exif != "auto" else None)
    told: dict[str, set[str]] = defaultdict(set)
    for order, one in zip(orders, drawn, strict=True):
        if one.seen is not None:
            told[_annotator(order.pair)].add(one.seen)
    again: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(drawn):
        if not one.untold:
            continue
        ways = told[_annotator(orders[index].pair)]
        if len(ways) == 1:
            again[min(ways)].append(index)
            continue
        pair = orders[index].pair
        message = (
            f"{pair.image}: is stored turned, and nothing tells whether its annotation {pair.annotation.name} was "
            "drawn on it as it is seen or as it is stored; set annotations.exif to seen or stored"
        )
        if not parameters.skip_bad:
            raise UserError(message)
        drawn[index] = Drawn(pair.name, error=message)
    for way, indices in again.items():
        for index, one in zip(
            indices, _draw_all(source, [orders[index] for index in indices], parameters, way), strict=True
        ):
            drawn[index] = one
    return drawn


def _annotator(pair: Pair) -> str:
    """What was annotated together: the images of one file, or all that have a file of their own."""
    return pair.annotation.name if pair.entry is not None else ""


def _draw_all(source: Source, orders: list[Order], parameters: AnnotationParameters, way: str | None) -> list[Drawn]:
    work = partial(_draw_some, source.format, source.classes, parameters.skip_bad, way)
    return list(on_all_cores(work, orders, "converting annotations", CHUNK))


def _draw_some(format_name: str, classes: Classes, skip_bad: bool, way: str | None, orders: list[Order]) -> list[Drawn]:
    drawn = []
    for order in orders:
        try:
            drawn.append(_draw(FORMATS[format_name], classes, order, skip_bad, way))
        except UserError as error:
            if not skip_bad:
                raise
            drawn.append(Drawn(order.pair.name, error=str(error)))
    return drawn


def _draw(reader: ModuleType, classes: Classes, order: Order, skip_bad: bool, way: str | None) -> Drawn:
    pair, left_out = order.pair, []

    def refuse(message: str) -> None:
        if not skip_bad:
            raise UserError(message)
        left_out.append(message)

    content = reader.embedded_image(pair) if pair.image is None else pair.image.read()
    image = decode_bytes(content, str(pair.image or pair.annotation))
    original = Image.open(io.BytesIO(content))
    orientation = original.getexif().get(ORIENTATION)
    is_turned, seen = orientation in TURNED, None
    if is_turned:
        seen = _told_by_size(reader.stated_size(pair), original.size, image.size)
        way = way or seen or reader.EXIF
        if way is None:
            return Drawn(pair.name, untold=True)
    if is_turned and way == "stored":
        stored, outside = reader.mask(pair, classes.ids, original.size, refuse)
        turned = Image.fromarray(stored)
        turned.getexif()[ORIENTATION] = orientation
        mask = np.asarray(ImageOps.exif_transpose(turned))
    else:
        mask, outside = reader.mask(pair, classes.ids, image.size, refuse)
    if order.images is not None:
        if original.format in KEPT_AS_THEY_ARE and original.mode == "RGB" and not original.getexif():
            (order.images / (pair.name + KEPT_AS_THEY_ARE[original.format])).write_bytes(content)
        else:
            image.save(order.images / f"{pair.name}.png")
    write_mask(order.mask, mask)
    statistics = ChannelStatistics()
    statistics.add(image)
    pixels = np.bincount(mask.ravel(), minlength=256)
    return Drawn(pair.name, pixels, _objects(mask, pixels), statistics, outside, left_out, seen)


def _told_by_size(stated: tuple[int, int] | None, stored: tuple[int, int], upright: tuple[int, int]) -> str | None:
    """`seen` or `stored`, whichever size the annotation states; None where both have it, or it states none."""
    if stated is None or stored == upright == stated:
        return None
    return "stored" if stated == stored else "seen"  # which a third size is refused as


def _objects(mask: np.ndarray, pixels: np.ndarray) -> dict[int, list[int]]:
    objects = {}
    for value in (1 + np.flatnonzero(pixels[1:IGNORED])).tolist():
        region = (mask == value).view(np.uint8)
        x, y, width, height = cv2.boundingRect(region)  # the rest of the image would take most of the time
        part = region[y : y + height, x : x + width]
        objects[value] = cv2.connectedComponentsWithStats(part, connectivity=8)[2][1:, cv2.CC_STAT_AREA].tolist()
    return objects
