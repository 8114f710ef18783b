"""Snow that falls and brightens the scene."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions._draws import Draws
from darkroom.evaluation.corruptions._filters import motion_blur_each, zoom_matrix

FAMILY = "weather"
# Mean and standard deviation of the flakes' brightness, their enlargement, the brightness below which there is none,
# reach and sigma of their motion blur, and the share of the image that is not bleached.
PARAMETERS = {
    32: (
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95), (0.1, 0.2, 1, 0.5, 10, 4, 0.9), (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85), (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ),
    64: (
        (0.1, 0.2, 1, 0.6, 8, 3, 0.8), (0.1, 0.2, 1, 0.5, 10, 4, 0.8), (0.15, 0.3, 1.75, 0.55, 10, 4, 0.7),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.65), (0.3, 0.3, 1.25, 0.65, 14, 12, 0.6),
    ),
    224: (
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8), (0.2, 0.3, 2, 0.5, 12, 4, 0.7), (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65), (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ),
}  # fmt: skip


def corrupt(
    images: NDArray[np.uint8], strength: tuple[float, float, float, float, int, float, float], draws: Draws
) -> NDArray[Any]:
    """Bleach images and add blurred flakes, the same flakes turned by 180° too."""
    mean, deviation, zoom, threshold, radius, sigma, kept = strength
    height, width = images.shape[1:3]
    flakes = np.float32(mean) + np.float32(deviation) * draws.normal(height, width)
    flakes = zoom_matrix(height, zoom) @ flakes @ zoom_matrix(width, zoom).T
    grey_flakes = np.where(flakes < threshold, 0, np.clip(flakes, 0, 1) * 255).astype(np.uint8)
    snow = motion_blur_each(grey_flakes, radius, sigma, draws.uniform(-135, -45)).astype(np.float32)
    grey = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images])[..., None]
    bleached = np.maximum(images, grey * np.float32(1.5) + np.float32(127.5))
    corrupted: NDArray[np.float32] = images + np.float32(1 - kept) * (bleached - images)
    return corrupted + (snow + snow[:, ::-1, ::-1])[..., None]
