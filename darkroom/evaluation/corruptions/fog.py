"""Fog of uneven density."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions._draws import Draws

FAMILY = "weather"
PARAMETERS = {  # density, and by how much finer details are weaker than coarser ones
    32: ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
    64: ((0.4, 3), (0.7, 3), (1, 2.5), (1.5, 2), (2, 1.75)),
    224: ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
}


def corrupt(images: NDArray[np.uint8], strength: tuple[float, float], draws: Draws) -> NDArray[Any]:
    """Add fog, and scale the sum so that the brightest value stays."""
    density, decay = strength
    height, width = images.shape[1:3]
    fog = np.float32(255 * density) * _plasma(max(height, width), decay, draws)[:, :height, :width, None]
    brightest = images.max((1, 2, 3), keepdims=True).astype(np.float32)
    corrupted: NDArray[np.float32] = (images + fog) * (brightest / (brightest + np.float32(255 * density)))
    return corrupted


def _plasma(side: int, decay: float, draws: Draws) -> NDArray[np.float32]:
    """Return fractal landscapes by the diamond-square algorithm on a torus, float32 (b, n, n) from 0 to 1.

    n is the power of two that is not smaller than `side`.
    """
    n = 1 << max(1, side - 1).bit_length()
    heights = np.zeros((len(draws.generators), n, n), np.float32)
    step, roughness = n, 100.0

    def mean_of(four: NDArray[np.float32]) -> NDArray[np.float32]:
        return four / 4 + np.float32(roughness) * draws.uniform(-roughness, roughness, *four.shape[1:])

    while step >= 2:
        half = step // 2
        corners = heights[:, ::step, ::step]
        pairs = corners + np.roll(corners, -1, 1)
        heights[:, half::step, half::step] = mean_of(pairs + np.roll(pairs, -1, 2))
        middles = heights[:, half::step, half::step]
        beside = corners + np.roll(corners, -1, 2)
        heights[:, ::step, half::step] = mean_of(middles + np.roll(middles, 1, 1) + beside)
        beside = corners + np.roll(corners, -1, 1)
        heights[:, half::step, ::step] = mean_of(middles + np.roll(middles, 1, 2) + beside)
        step, roughness = half, roughness / decay
    heights -= heights.min((1, 2), keepdims=True)
    heights /= heights.max((1, 2), keepdims=True)
    return heights
