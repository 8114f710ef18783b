"""JPEG compression."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions._draws import Draws

FAMILY = "digital"
PARAMETERS = {  # quality
    32: (80, 65, 58, 50, 40),
    64: (65, 58, 50, 40, 25),
    224: (25, 18, 15, 10, 7),
}


def corrupt(images: NDArray[np.uint8], strength: int, _: Draws) -> NDArray[Any]:
    """Compress images and decode them."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, strength]
    encoded = (cv2.imencode(".jpg", image[..., ::-1], quality)[1] for image in images)
    return np.stack([np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR_RGB)) for file in encoded])
