"""Low contrast."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions._draws import Draws

FAMILY = "digital"
PARAMETERS = {  # what is left of the contrast
    32: (0.75, 0.5, 0.4, 0.3, 0.15),
    64: (0.4, 0.3, 0.2, 0.1, 0.05),
    224: (0.4, 0.3, 0.2, 0.1, 0.05),
}


def corrupt(images: NDArray[np.uint8], strength: float, _: Draws) -> NDArray[Any]:
    """Move all values towards the mean of their channel."""
    mean = images.mean((1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
    corrupted: NDArray[np.float32] = (images - mean) * np.float32(strength) + mean
    return corrupted
