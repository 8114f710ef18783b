"""Images of any size, padded to what networks take."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SIZE_MULTIPLE = 32  # encoders halve the sides up to five times


def pad(pixels: np.ndarray, value: int = 0) -> Tensor:
    """Pad `pixels`, uint8 (h, w, c), with `value` at the right and below up to the next multiples of 32."""
    bottom, right = ((-side) % SIZE_MULTIPLE for side in pixels.shape[:2])
    return F.pad(torch.tensor(pixels), (0, 0, 0, right, 0, bottom), value=value)
