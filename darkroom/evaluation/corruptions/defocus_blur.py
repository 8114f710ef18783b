"""Defocus blur: each point becomes a disk."""

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions._draws import Draws
from darkroom.evaluation.corruptions._filters import filter_each

FAMILY = "blur"
PARAMETERS = {  # radius of the disk, and sigma of the blur of its edge, in pixels
    32: ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    64: ((0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1)),
    224: ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
}


def corrupt(images: NDArray[np.uint8], strength: tuple[float, float], _: Draws) -> NDArray[Any]:
    """Blur images by a disk."""
    return filter_each(images, _disk(*strength))


@cache
def _disk(radius: float, edge: float) -> NDArray[np.float32]:
    """Return a disk with a smooth edge, without the zeros around it, float32 (k, k)."""
    reach, edge_side = (8, 3) if radius <= 8 else (int(radius), 5)
    places = np.arange(-reach, reach + 1)
    disk = (places[:, None] ** 2 + places**2 <= radius**2).astype(np.float32)
    disk = np.asarray(cv2.GaussianBlur(disk / disk.sum(), (edge_side, edge_side), sigmaX=edge), np.float32)
    empty = min(np.flatnonzero(disk.any(0))[0], reach)
    return disk[empty : len(disk) - empty, empty : len(disk) - empty]
