"""CutMix: a random box of an image is replaced by that of another (Yun et al., arXiv:1905.04899)."""

import numpy as np
from pydantic import Field
from torch import Tensor

from darkroom.common.parameters import Parameters

ORDER = 2


class Options(Parameters):
    """The key `cutmix`."""

    cutmix: float = Field(default=0.0, ge=0)
    """α of the Beta distribution of CutMix's shares; 0 switches it off."""


def draw(size: tuple[int, int], draw: np.random.Generator) -> tuple[int, int]:
    """Draw row and column of the box's centre."""
    height, width = size
    return int(draw.integers(height)), int(draw.integers(width))


def mix(images: Tensor, others: Tensor, share: float, drawn: tuple[int, int]) -> tuple[Tensor, float]:
    """Replace a random box of the images by that of the others.

    Args:
        images: float (b, c, h, w).
        others: likewise.
        share: of the area that the box leaves, before it is clipped at the border.
        drawn: row and column of the box's centre.

    Returns:
        The mixed images, float (b, c, h, w), and the share of the area that is left of `images`.
    """
    height, width = images.shape[-2:]
    half = np.sqrt(1 - share) / 2
    row, column = drawn
    top, bottom = max(0, int(row - half * height)), min(height, int(row + half * height))
    left, right = max(0, int(column - half * width)), min(width, int(column + half * width))
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = others[..., top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / (height * width)
