"""Gaussian noise, as of a camera in poor light."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions._draws import Draws

FAMILY = "noise"
PARAMETERS = {  # standard deviation, 1 being full scale
    32: (0.04, 0.06, 0.08, 0.09, 0.10),
    64: (0.04, 0.08, 0.12, 0.15, 0.18),
    224: (0.08, 0.12, 0.18, 0.26, 0.38),
}


def corrupt(images: NDArray[np.uint8], strength: float, draws: Draws) -> NDArray[Any]:
    """Add noise to each value of each channel."""
    return images + np.float32(255 * strength) * draws.normal(*images.shape[1:])
