"""Glass blur: pixels come from near places, as behind frosted glass."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions._draws import Draws
from darkroom.evaluation.corruptions._filters import gaussian_each

FAMILY = "blur"
PARAMETERS = {  # sigma of a Gaussian blur before and after, largest distance, and rounds
    32: ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    64: ((0.1, 1, 1), (0.5, 1, 1), (0.6, 1, 2), (0.7, 2, 1), (0.9, 2, 2)),
    224: ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
}


def corrupt(images: NDArray[np.uint8], strength: tuple[float, int, int], draws: Draws) -> NDArray[Any]:
    """Blur images, move their pixels, and blur them again."""
    sigma, distance, rounds = strength
    height, width = images.shape[1:3]
    moved = gaussian_each(images, sigma).astype(np.uint8)
    for _ in range(rounds):
        origins = _origins(height, width, distance, draws)
        pixels = moved.reshape(len(moved), -1, 3)
        moved = np.take_along_axis(pixels, origins[..., None], axis=1).reshape(images.shape)
    return gaussian_each(moved, sigma)


def _origins(height: int, width: int, distance: int, draws: Draws) -> NDArray[np.int32]:
    """Return from which pixel each pixel comes, int32 (b, height · width).

    The published code means to swap each pixel with a near one, from the last to the first. Since it swaps views of one
    array, it copies the near pixel and leaves that as it is. So a pixel is a copy of a near one, which is a copy itself
    where it comes later in the image. Such chains are followed here by doubling their steps.
    """
    rows, columns = np.arange(distance + 1, height - distance + 1), np.arange(distance + 1, width - distance + 1)
    steps = draws.integers(-distance, distance, 2, len(rows), len(columns))
    rows, columns = np.minimum(rows, height - 1), np.minimum(columns, width - 1)
    here = (rows[:, None] * width + columns).astype(np.int32)
    down = np.minimum(rows[:, None] + steps[:, 0], height - 1)
    there = down * np.int32(width) + np.minimum(columns + steps[:, 1], width - 1)
    is_moved = np.zeros(height * width, bool)
    is_moved[here] = True
    origins = np.tile(np.arange(height * width, dtype=np.int32), (len(steps), 1))
    origins[:, here.ravel()] = there.reshape(len(steps), -1)
    is_copy = np.zeros(origins.shape, bool)  # of a pixel that is a copy itself
    is_copy[:, here.ravel()] = (is_moved[there] & (there > here)).reshape(len(steps), -1)
    while is_copy.any():
        further, is_further = (np.take_along_axis(values, origins, axis=1) for values in (origins, is_copy))
        origins, is_copy = np.where(is_copy, further, origins), is_copy & is_further
    return origins
