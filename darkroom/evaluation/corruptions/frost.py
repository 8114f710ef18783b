"""Frost on a window in front of the scene.

The published corruption takes pieces of five photographs of frost, which are not the project's to copy. The texture
here is drawn. It has the photographs' mean colours, their standard deviations and about their correlation of
neighbouring pixels, but not their crystals.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.common.randomness import seed_for
from darkroom.evaluation.corruptions._draws import Draws

FAMILY = "weather"
PARAMETERS = {  # weights of the image and of the frost, and the scale of the texture
    32: ((1, 0.2, 0.2), (1, 0.3, 0.2), (0.9, 0.4, 0.2), (0.85, 0.4, 0.2), (0.75, 0.45, 0.2)),
    64: ((1, 0.3, 0.3), (0.9, 0.4, 0.3), (0.8, 0.45, 0.3), (0.75, 0.5, 0.3), (0.7, 0.55, 0.3)),
    224: ((1, 0.4, 1), (0.8, 0.6, 1), (0.7, 0.7, 1), (0.65, 0.7, 1), (0.6, 0.75, 1)),
}
# Of each photograph: the mean of red, green and blue, and the standard deviation of the brightness.
LOOKS = (
    ((78, 149, 166), 16),
    ((201, 205, 214), 21),
    ((201, 205, 214), 21),
    ((138, 153, 166), 28),
    ((112, 123, 135), 43),
)
HEIGHT, WIDTH = 480, 640  # of the texture in pixels
DIRECTIONS, NEEDLE = 8, 9  # of the crystals, and their length in pixels
NEEDLE_WIDTH = 0.8  # sigma in pixels
PATCH, PATCHY = 16, 0.4  # side in pixels of thicker and thinner patches, and their share of the variance
CRYSTAL = 32  # side in pixels of the regions in which the crystals lie in one direction


def corrupt(images: NDArray[np.uint8], strength: tuple[float, float, float], draws: Draws) -> NDArray[Any]:
    """Add a piece of the texture to each image, with the colour and the contrast of one of the photographs."""
    image_weight, frost_weight, scale = strength
    height, width = images.shape[1:3]
    texture = _texture(max(scale, (height + 1) / HEIGHT, (width + 1) / WIDTH))
    frost = np.empty(images.shape, np.float32)
    for (which, down, across), out in zip(draws.uniform(0, 1, 3), frost, strict=True):
        colour, deviation = LOOKS[int(which * len(LOOKS))]
        y, x = int(down * (texture.shape[0] - height)), int(across * (texture.shape[1] - width))
        out[...] = deviation * texture[y : y + height, x : x + width, None] + np.array(colour, np.float32)
    return np.float32(image_weight) * images + np.float32(frost_weight) * np.clip(frost, 0, 255)


@cache
def _texture(scale: float) -> NDArray[np.float32]:
    """Return the brightness of frost, float32 (height, width), at full size with the mean 0 and the variance 1."""
    generator = np.random.default_rng(seed_for("frost"))
    strands = generator.standard_normal((HEIGHT, WIDTH), np.float32)
    regions = generator.standard_normal((DIRECTIONS, HEIGHT // CRYSTAL, WIDTH // CRYSTAL), np.float32)
    nearest = np.argmax([cv2.resize(region, (WIDTH, HEIGHT)) for region in regions], axis=0)
    needles = np.stack([cv2.filter2D(strands, -1, _needle(180 * n / DIRECTIONS)) for n in range(DIRECTIONS)])
    crystals = cv2.GaussianBlur(np.take_along_axis(needles, nearest[None], axis=0)[0], (0, 0), NEEDLE_WIDTH)
    patches = cv2.resize(generator.standard_normal((HEIGHT // PATCH, WIDTH // PATCH), np.float32), (WIDTH, HEIGHT))
    frost = np.sqrt(1 - PATCHY) * _standardized(crystals) + np.sqrt(PATCHY) * _standardized(patches)
    return np.asarray(cv2.resize(frost, None, fx=scale, fy=scale), np.float32)


def _standardized(texture: NDArray[Any]) -> NDArray[np.float32]:
    """Return a texture with the mean 0 and the variance 1."""
    return np.asarray((texture - texture.mean()) / texture.std(), np.float32)


def _needle(angle: float) -> NDArray[np.float32]:
    """Return a line through the middle, as a kernel, float32 (NEEDLE, NEEDLE)."""
    line = np.zeros((NEEDLE, NEEDLE), np.float32)
    line[NEEDLE // 2] = np.hanning(NEEDLE + 2)[1:-1]
    middle = (NEEDLE // 2, NEEDLE // 2)
    return np.asarray(cv2.warpAffine(line, cv2.getRotationMatrix2D(middle, angle, 1), (NEEDLE, NEEDLE)), np.float32)
