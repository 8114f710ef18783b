"""Mixup: two images are blended (Zhang et al., arXiv:1710.09412)."""

import numpy as np
from pydantic import Field
from torch import Tensor

from darkroom.common.parameters import Parameters

ORDER = 1


class Options(Parameters):
    """The key `mixup`."""

    mixup: float = Field(default=0.0, ge=0)
    """α of the Beta distribution of Mixup's shares; 0 switches it off."""


def draw(_size: tuple[int, int], _: np.random.Generator) -> None:
    """Draw nothing."""


def mix(images: Tensor, others: Tensor, share: float, _: None) -> tuple[Tensor, float]:
    """Blend two batches, float (b, c, h, w); `share` is the weight of `images`."""
    return share * images + (1 - share) * others, share
