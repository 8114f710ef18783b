"""Shot noise, as of few photons."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtr

from darkroom.evaluation.corruptions._draws import Draws

FAMILY = "noise"
PARAMETERS = {  # photons at full scale
    32: (500, 250, 100, 75, 50),
    64: (250, 100, 50, 30, 15),
    224: (60, 25, 12, 5, 3),
}
QUANTILES = 1 << 14  # of Poisson's distributions; the tails beyond them have fewer than one value of 30,000


def corrupt(images: NDArray[np.uint8], strength: int, draws: Draws) -> NDArray[Any]:
    """Count photons by Poisson's distribution, for each value of each channel."""
    values = _values(strength)
    drawn = draws.integers(0, QUANTILES, *images.shape[1:])
    return values.take(images.astype(np.int32) * QUANTILES + drawn)


@cache
def _values(photons: int) -> NDArray[np.uint8]:
    """Return the noisy value at each quantile of each value, uint8 (256, QUANTILES).

    There are only 256 distributions, and looking up is ten times as fast as drawing from them.
    """
    counts = np.arange(photons + 1)  # more than full scale is cut off
    values = (counts / photons * 255).astype(np.uint8)
    ends = [np.floor(pdtr(counts, value * photons / 255) * QUANTILES + 0.5).astype(int) for value in range(256)]
    table = np.full((256, QUANTILES), 255, np.uint8)
    for row, end in zip(table, ends, strict=True):
        row[: end[-1]] = np.repeat(values, np.diff(end, prepend=0))
    return table
