"""Elastic deformation."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions._draws import Draws
from darkroom.evaluation.corruptions._filters import gaussian_each

FAMILY = "digital"
PARAMETERS = {  # strength and sigma of the displacements, and reach of an affine map, as multiples of the side
    32: ((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)),
    64: ((0, 0, 0.08), (0.05, 0.3, 0.06), (0.1, 0.08, 0.06), (0.1, 0.03, 0.03), (0.16, 0.03, 0.02)),
    # The published code has 244 in place of 224.
    224: tuple(
        tuple(244 / 224 * part for part in parts)
        for parts in ((2, 0.7, 0.1), (2, 0.08, 0.2), (0.05, 0.01, 0.02), (0.07, 0.01, 0.02), (0.12, 0.01, 0.02))
    ),
}
TRUNCATE = 3.0  # where the Gaussian of the displacements ends, in sigmas


def corrupt(images: NDArray[np.uint8], strength: tuple[float, float, float], draws: Draws) -> NDArray[Any]:
    """Apply a random affine map, then displace the pixels by smooth noise."""
    height, width = images.shape[1:3]
    side = min(height, width)
    alpha, sigma, reach = (side * part for part in strength)
    middle, arm = np.array((height, width)) // 2, side // 3
    corners = (middle + arm * np.array(((1, 1), (1, -1), (-1, -1)))).astype(np.float32)
    moved = corners + draws.uniform(-reach, reach, 3, 2)
    warped = [
        cv2.warpAffine(image, cv2.getAffineTransform(corners, to), (width, height), borderMode=cv2.BORDER_REFLECT_101)
        for image, to in zip(images.astype(np.float32), moved, strict=True)
    ]
    if not alpha:
        return np.stack(warped)
    noise = draws.uniform(-1, 1, height, width, 2)
    shifts = np.float32(alpha) * gaussian_each(noise, sigma, TRUNCATE, cv2.BORDER_REFLECT)
    x = np.arange(width, dtype=np.float32) + shifts[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + shifts[..., 1]
    displaced = [
        cv2.remap(image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for image, across, down in zip(warped, x, y, strict=True)
    ]
    return np.stack(displaced)
