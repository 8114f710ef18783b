"""Samplers, which choose the training images of an epoch.

Each module here is a sampler. `train.sampler` in params.yaml names it by the module's name.
"""

from collections.abc import Callable
from typing import Protocol, cast

import torch
from torch import Tensor

from darkroom.common.named import module_named


class Sampler(Protocol):
    """A module that chooses the training images of an epoch."""

    def sample(self, count: int, has_class: Callable[[], Tensor], generator: torch.Generator) -> Tensor:
        """Return the images of an epoch: as many indices as there are images, int64 (n,).

        Args:
            count: number of images.
            has_class: returns which classes each image shows, bool (n, classes). Counting them may take a while.
            generator: of the epoch's draws.
        """


def sample(name: str, count: int, has_class: Callable[[], Tensor], generator: torch.Generator) -> Tensor:
    """Return the images of an epoch, int64 (n,), chosen by the sampler `name`. Arguments as of `Sampler.sample`."""
    return cast(Sampler, module_named(__name__, name)).sample(count, has_class, generator)
