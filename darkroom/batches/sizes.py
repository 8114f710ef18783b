"""Smaller images in the first epochs (Howard, "Training Imagenet in 3 hours for USD 25", 2018).

An epoch of images with half as many pixels takes half as long. The last epochs show the images in full.
"""

from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from darkroom.common.parameters import Parameters


class SizeOptions(Parameters):
    """The key `sizes`."""

    sizes: list[Annotated[int, Field(ge=4)]] = []
    """Length of the images' shorter side in the first epochs, in pixels, one number for each of these epochs. The
    epochs after them show the images in full. []: all epochs do."""

    def size_of(self, epoch: int) -> int | None:
        """Return the length of the images' shorter side in an epoch, in pixels; None: they are shown in full."""
        return self.sizes[epoch] if epoch < len(self.sizes) else None


def scale_down(images: Tensor, options: SizeOptions, epoch: int) -> Tensor:
    """Return the images in the size of an epoch, bilinear with antialiasing.

    Args:
        images: float (b, 3, h, w).
        options: the sizes of the first epochs.
        epoch: index of the epoch.

    Returns:
        float (b, 3, h', w') in channels_last, in the same proportions.
    """
    shorter = options.size_of(epoch)
    if shorter is None:
        return images
    size = scaled_size(images.shape[2], images.shape[3], shorter)
    smaller = F.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False)
    return smaller.contiguous(memory_format=torch.channels_last)


def scaled_size(height: int, width: int, shorter: int) -> tuple[int, int]:
    """Return (height, width) in the same proportions, of which the smaller is `shorter`, in pixels."""
    scale = shorter / min(height, width)
    return round(height * scale), round(width * scale)
