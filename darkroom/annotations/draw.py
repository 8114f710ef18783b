"""Drawing the masks of many pairs on all cores."""

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from PIL import Image, ImageOps

from darkroom.annotations.pair import IGNORED, Classes, Pair, WrongSize
from darkroom.annotations.source import FORMATS, Source
from darkroom.common.errors import UserError
from darkroom.common.parallel import on_all_cores
from darkroom.datasets.decode import decode_bytes
from darkroom.datasets.description import ChannelStatistics
from darkroom.datasets.pairs import write_mask

KEPT_AS_THEY_ARE = {"JPEG": ".jpg", "PNG": ".png"}
ORIENTATION = 0x0112  # EXIF's tag
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
        error: why there is no mask; the rest is empty then.
    """

    name: str
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    objects: dict[int, list[int]] = field(default_factory=dict)
    statistics: ChannelStatistics = field(default_factory=ChannelStatistics)
    outside: int = 0
    error: str | None = None


def draw_masks(source: Source, orders: list[Order], skip_bad: bool) -> Iterable[Drawn]:
    """Write the mask, and the image where wanted, of each order.

    Raises:
        UserError: an image or annotation that cannot be used, unless `skip_bad`.
    """
    return on_all_cores(
        partial(_draw_some, source.format, source.classes, skip_bad), orders, "converting annotations", CHUNK
    )


def _draw_some(format_name: str, classes: Classes, skip_bad: bool, orders: list[Order]) -> list[Drawn]:
    drawn = []
    for order in orders:
        try:
            drawn.append(_draw(FORMATS[format_name], classes, order))
        except UserError as error:
            if not skip_bad:
                raise
            drawn.append(Drawn(order.pair.name, error=str(error)))
    return drawn


def _draw(reader: ModuleType, classes: Classes, order: Order) -> Drawn:
    pair = order.pair
    content = reader.embedded_image(pair) if pair.image is None else pair.image.read()
    image = decode_bytes(content, str(pair.image or pair.annotation))
    original = Image.open(io.BytesIO(content))
    mask, outside = _upright_mask(reader, pair, classes, original, image.size)
    if order.images is not None:
        if original.format in KEPT_AS_THEY_ARE and original.mode == "RGB" and not original.getexif():
            (order.images / (pair.name + KEPT_AS_THEY_ARE[original.format])).write_bytes(content)
        else:
            image.save(order.images / f"{pair.name}.png")
    write_mask(order.mask, mask)
    statistics = ChannelStatistics()
    statistics.add(image)
    pixels = np.bincount(mask.ravel(), minlength=256)
    return Drawn(pair.name, pixels, _objects(mask, pixels), statistics, outside)


def _upright_mask(
    reader: ModuleType, pair: Pair, classes: Classes, original: Image.Image, upright: tuple[int, int]
) -> tuple[np.ndarray, int]:
    """The mask of the image as it is seen: an annotation made on the image as it is stored is turned with it.

    Where both have the same size, the format's own tool tells which of them it is.
    """
    orientation = original.getexif().get(ORIENTATION, 1)
    if reader.UPRIGHT or orientation == 1:
        return reader.mask(pair, classes.ids, upright)
    try:
        stored, outside = reader.mask(pair, classes.ids, original.size)
    except WrongSize:
        return reader.mask(pair, classes.ids, upright)
    turned = Image.fromarray(stored)
    turned.getexif()[ORIENTATION] = orientation
    return np.asarray(ImageOps.exif_transpose(turned)), outside


def _objects(mask: np.ndarray, pixels: np.ndarray) -> dict[int, list[int]]:
    objects = {}
    for value in (1 + np.flatnonzero(pixels[1:IGNORED])).tolist():
        region = (mask == value).view(np.uint8)
        x, y, width, height = cv2.boundingRect(region)  # the rest of the image would take most of the time
        part = region[y : y + height, x : x + width]
        objects[value] = cv2.connectedComponentsWithStats(part, connectivity=8)[2][1:, cv2.CC_STAT_AREA].tolist()
    return objects
