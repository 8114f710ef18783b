"""Shot noise, as of few photons."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions._draws import Draws

FAMILY = "noise"
PARAMETERS = {  # photons at full scale
    32: (500, 250, 100, 75, 50),
    64: (250, 100, 50, 30, 15),
    224: (60, 25, 12, 5, 3),
}


def corrupt(images: NDArray[np.uint8], strength: int, draws: Draws) -> NDArray[Any]:
    """Count photons by Poisson's distribution, for each value of each channel."""
    return draws.poisson(images * (strength / 255)) / strength * 255
