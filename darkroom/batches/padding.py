"""Padding of images to sizes that networks take."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

SIZE_MULTIPLE = 32  # in pixels: encoders halve the sides up to five times


def pad(pixels: NDArray[np.uint8], value: int = 0) -> Tensor:
    """Pad an image or mask, uint8 (h, w, c), with `value` at the right and below, to multiples of 32 pixels."""
    bottom, right = ((-side) % SIZE_MULTIPLE for side in pixels.shape[:2])
    return F.pad(torch.tensor(pixels), (0, 0, 0, right, 0, bottom), value=value)
