"""Random shifts: the images are padded, and each is cropped to its original size at its own place."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from darkroom.batches.augmentations import Epoch
from darkroom.common.errors import UserError
from darkroom.common.parameters import Parameters

ORDER = 1


class Options(Parameters):
    """The keys `crop` and `padding`."""

    crop: int = Field(ge=0)
    """Largest random shift, in pixels; 0 switches it off."""
    padding: Literal["reflect", "zero"] = "reflect"
    """What a shifted image shows beyond its border: its mirror image, or with `zero` the mean colour of the training
    images."""


def draw(options: Options, epoch: Epoch) -> Tensor | None:
    """Draw the upper left corner of each crop in the padded image: down and right, 0 to 2·crop pixels, int64 (n, 2)."""
    height, width = epoch.size
    if options.crop >= min(height, width):
        raise UserError(f"params.yaml: augment.crop = {options.crop}: the images have {height}×{width} pixels")
    if not options.crop:
        return None
    shape = (len(epoch.images), 2)
    return torch.randint(2 * options.crop + 1, shape, generator=epoch.generator("crop"))


def apply(images: Tensor, draws: Tensor, options: Options) -> Tensor:
    """Shift the images.

    Args:
        images: normalized, so that 0 is the mean colour; (b, c, h, w).
        draws: corners, as `draw` returns them, (b, 2).
        options: crop and padding.
    """
    b, channels, height, width = images.shape
    rows = draws[:, 0, None] + torch.arange(-options.crop, height - options.crop, device=images.device)
    columns = draws[:, 1, None] + torch.arange(-options.crop, width - options.crop, device=images.device)
    first = torch.arange(b, device=images.device)[:, None, None] * height
    pixels = (first + _reflect(rows, height)[:, :, None]) * width + _reflect(columns, width)[:, None, :]
    crops = images.permute(0, 2, 3, 1).reshape(-1, channels).index_select(0, pixels.flatten())
    crops = crops.view(b, height, width, channels).permute(0, 3, 1, 2)
    if options.padding == "reflect":
        return crops
    outside = ((rows < 0) | (rows >= height))[:, :, None] | ((columns < 0) | (columns >= width))[:, None, :]
    return crops.masked_fill(outside[:, None], 0)


def _reflect(positions: Tensor, side: int) -> Tensor:
    """Return positions from 0 to `side` - 1: those outside are mirrored at the first or the last pixel."""
    return side - 1 - (side - 1 - positions.abs()).abs()
