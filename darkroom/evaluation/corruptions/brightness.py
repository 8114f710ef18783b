"""Brighter light."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions._draws import Draws

FAMILY = "weather"
PARAMETERS = {  # added to the value of HSV, 1 being full scale
    32: (0.05, 0.1, 0.15, 0.2, 0.3),
    64: (0.1, 0.2, 0.3, 0.4, 0.5),
    224: (0.1, 0.2, 0.3, 0.4, 0.5),
}


def corrupt(images: NDArray[np.uint8], strength: float, _: Draws) -> NDArray[Any]:
    """Raise the value of HSV: all channels of a pixel grow by one factor, and black becomes grey."""
    value = images.max(3, keepdims=True).astype(np.float32)
    raised = np.minimum(value + np.float32(255 * strength), 255)
    corrupted: NDArray[np.float32] = np.where(value > 0, images * (raised / np.maximum(value, 1)), raised)
    return corrupted
