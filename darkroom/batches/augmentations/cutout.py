"""Cutout: a random square of each image is set to the mean colour (DeVries and Taylor, arXiv:1708.04552)."""

import torch
from pydantic import Field
from torch import Tensor

from darkroom.batches.augmentations import Epoch
from darkroom.common.parameters import Parameters

ORDER = 3


class Options(Parameters):
    """The key `cutout`."""

    cutout: int = Field(ge=0)
    """Side, in pixels, of a random square that is set to the mean colour; 0 switches it off."""


def draw(options: Options, epoch: Epoch) -> Tensor | None:
    """Draw row and column of the centre of each square, int64 (n, 2)."""
    if not options.cutout:
        return None
    generator = epoch.generator("cutout")
    centres = [torch.randint(side, (len(epoch.images),), generator=generator) for side in epoch.size]
    return torch.stack(centres, dim=1)


def apply(images: Tensor, draws: Tensor, options: Options) -> Tensor:
    """Set a square of each image to zero, the mean of normalized images.

    Args:
        images: normalized, (b, c, h, w).
        draws: row and column of each square's centre, (b, 2). Squares are clipped at the border.
        options: the squares' side.
    """
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device) - draws[:, 0, None] + options.cutout // 2
    columns = torch.arange(width, device=images.device) - draws[:, 1, None] + options.cutout // 2
    hole = ((rows >= 0) & (rows < options.cutout))[:, :, None] & ((columns >= 0) & (columns < options.cutout))[:, None]
    return images.masked_fill(hole[:, None], 0)
