"""Fewer, larger pixels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.evaluation.corruptions._draws import Draws

FAMILY = "digital"
PARAMETERS = {  # side of the reduced image, as a share
    32: (0.95, 0.9, 0.85, 0.75, 0.65),
    64: (0.9, 0.8, 0.7, 0.6, 0.5),
    224: (0.6, 0.5, 0.4, 0.3, 0.25),
}


def corrupt(images: NDArray[np.uint8], strength: float, _: Draws) -> NDArray[Any]:
    """Reduce images by the mean of boxes, and enlarge them again."""
    height, width = images.shape[1:3]
    reduced = max(1, int(width * strength)), max(1, int(height * strength))
    box = Image.Resampling.BOX
    resized = (Image.fromarray(image).resize(reduced, box).resize((width, height), box) for image in images)
    return np.stack([np.asarray(image) for image in resized])
