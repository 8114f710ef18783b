"""Thumbnails of images and masks. Workers import this module, so it needs no matplotlib."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from darkroom.datasets.pairs import IGNORED, read_image, read_mask
from darkroom.figures.pages import encode

PIXELS = 24_000_000  # of all thumbnails of a page
SMALLEST, LARGEST = 256, 768  # the longer side of a thumbnail
WHITE = 255  # red, green and blue of ignored pixels
QUALITY, METHOD = 75, 2  # of WebP; slower methods save little
CHUNK = 8  # thumbnails that a worker makes at a time


@dataclass(frozen=True)
class Thumbnail:
    """The picture of a pair.

    Attributes:
        image: WebP in base64.
        mask: PNG in base64, whose background is transparent.
        width, height: in pixels.
        shares: of the pixels, by class id, the largest first.
    """

    image: str
    mask: str
    width: int
    height: int
    shares: dict[int, float]


def side_for(count: int) -> int:
    """Return the longer side of the thumbnails of a page with `count` of them: the fewer they are, the larger."""
    return int(min(LARGEST, max(SMALLEST, (PIXELS / max(1, count)) ** 0.5)))


def make_thumbnails(side: int, colours: np.ndarray, files: list[tuple[Path, Path]]) -> list[Thumbnail]:
    """Return the thumbnails of images and their masks. It is the work of a worker process.

    Args:
        side: the longer side in pixels.
        colours: of the classes by id, uint8 (n, 3).
        files: images and their masks.
    """
    return [_make_thumbnail(image, mask, side, colours) for image, mask in files]


def _make_thumbnail(image_path: Path, mask_path: Path, side: int, colours: np.ndarray) -> Thumbnail:
    mask = read_mask(mask_path)
    height, width = mask.shape
    scale = min(1.0, side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(read_image(image_path)).resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    counts = np.bincount(mask.ravel(), minlength=256)
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    shares = {int(class_id): float(counts[class_id]) / mask.size for class_id in order}
    webp = encode(image, "WEBP", quality=QUALITY, method=METHOD)
    return Thumbnail(webp, _encode_mask(shrink_mask(mask, size), colours), *size, shares)


def shrink_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a mask at another size, (width, height). A small or thin object does not vanish."""
    small = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    reach = -(-mask.shape[1] // size[0])
    if reach == 1:
        return small
    grown = cv2.dilate(np.where(mask == IGNORED, 0, mask), np.ones((reach, reach), np.uint8))
    grown = np.asarray(Image.fromarray(grown).resize(size, Image.Resampling.NEAREST))
    return np.where(small == 0, grown, small)


def _encode_mask(mask: np.ndarray, colours: np.ndarray) -> str:
    """Return a palette PNG of the class ids, which are numbered anew so that few bits do."""
    is_used = np.bincount(mask.ravel(), minlength=256) > 0
    is_used[0] = True  # the transparent entry comes first, though no pixel may have it
    numbers = np.cumsum(is_used) - 1
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours)] = colours
    palette[IGNORED] = WHITE  # mask alone, the background is black
    image = Image.fromarray(numbers.astype(np.uint8)[mask], "P")
    image.putpalette(palette[is_used].ravel().tolist())
    return encode(image, "PNG", transparency=bytes([0]))
