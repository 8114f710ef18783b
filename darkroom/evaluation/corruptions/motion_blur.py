"""Motion blur, as of a moved camera."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions._draws import Draws
from darkroom.evaluation.corruptions._filters import motion_blur_each

FAMILY = "blur"
PARAMETERS = {  # reach in pixels, and sigma of the weights
    32: ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
    64: ((10, 1), (10, 1.5), (10, 2), (10, 2.5), (12, 3)),
    224: ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
}


def corrupt(images: NDArray[np.uint8], strength: tuple[int, float], draws: Draws) -> NDArray[Any]:
    """Blur each image along a direction of its own, at most 45° from the horizontal."""
    return motion_blur_each(images, *strength, draws.uniform(-45, 45))
