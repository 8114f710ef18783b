"""Horizontal flips of half of the images."""

from typing import Literal

import torch
from torch import Tensor

from darkroom.batches.augmentations import Epoch
from darkroom.common.parameters import Parameters

ORDER = 2


class Options(Parameters):
    """The key `flip`."""

    flip: Literal["none", "random", "alternate"]
    """Horizontal flip of half of the images. `random` draws them anew in each epoch. `alternate` flips the other half
    in the next epoch. `none` flips no image."""


def draw(options: Options, epoch: Epoch) -> Tensor | None:
    """Draw which rows to mirror, bool (n,).

    `random` draws for each row of each epoch. `alternate` draws once for each image and mirrors it every second time
    that it is shown (arXiv:2404.00498, section 3.6).
    """
    if options.flip == "none":
        return None
    count = len(epoch.images)
    if options.flip == "random":
        return torch.randint(2, (count,), generator=epoch.generator("flip")) == 1
    first = torch.randint(2, (count,), generator=epoch.generator("flip", 0))
    return (first[epoch.images] + epoch.times) % 2 == 1


def apply(images: Tensor, draws: Tensor, _: Options) -> Tensor:
    """Mirror images (b, c, h, w) left to right where `draws`, bool (b,), is true."""
    return torch.where(draws[:, None, None, None], images.flip(-1), images)
