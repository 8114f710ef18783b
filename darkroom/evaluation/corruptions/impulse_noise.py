"""Impulse noise: values that are black or white, as by errors of bits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions._draws import Draws

FAMILY = "noise"
PARAMETERS = {  # share of the values
    32: (0.01, 0.02, 0.03, 0.05, 0.07),
    64: (0.01, 0.02, 0.05, 0.08, 0.14),
    224: (0.03, 0.06, 0.09, 0.17, 0.27),
}


def corrupt(images: NDArray[np.uint8], strength: float, draws: Draws) -> NDArray[Any]:
    """Set a share of the values of the channels to 0 or 255, half of them each."""
    drawn = draws.uniform(0, 1, *images.shape[1:])
    corrupted = np.where(drawn < strength, np.uint8(255), images)
    corrupted[drawn < strength / 2] = 0
    return corrupted
