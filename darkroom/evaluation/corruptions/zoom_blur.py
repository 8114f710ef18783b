"""Zoom blur, as of a camera that moves towards the object."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from darkroom.evaluation.corruptions._draws import Draws
from darkroom.evaluation.corruptions._filters import zoom_matrix

FAMILY = "blur"
_SMALL = ((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01))
PARAMETERS = {  # end and step of the zoom's factors, which begin at 1
    32: _SMALL,
    64: _SMALL,
    224: ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
}


def corrupt(images: NDArray[np.uint8], strength: tuple[float, float], _: Draws) -> NDArray[Any]:
    """Return the mean of images and their enlarged middles. The image itself counts twice, as published."""
    b, height, width, channels = images.shape
    pixels = images.transpose(1, 2, 0, 3).reshape(height * width, b * channels).astype(np.float32)
    blurred: NDArray[np.float32] = _zooms(height, width, *strength) @ pixels
    return blurred.reshape(height, width, b, channels).transpose(2, 0, 1, 3)


@cache
def _zooms(height: int, width: int, end: float, step: float) -> sparse.csr_array:
    """Return the mean of the zooms as one linear map of pixels, float32 (height · width, height · width)."""
    factors = np.arange(1, end, step).tolist()
    total = sparse.eye_array(height * width, dtype=np.float64)
    for factor in factors:
        total = total + sparse.kron(zoom_matrix(height, factor), zoom_matrix(width, factor))
    return (total / (len(factors) + 1)).tocsr().astype(np.float32)
