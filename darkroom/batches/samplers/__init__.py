"""Samplers, which choose the training images of an epoch.

Each module here is a sampler. `train.sampler` in params.yaml names it by the module's name.
"""

from typing import Protocol, cast

import torch
from torch import Tensor

from darkroom.common.named import module_named


class Sampler(Protocol):
    """A module that chooses the training images of an epoch."""

    def sample(self, has_class: Tensor, generator: torch.Generator) -> Tensor:
        """Return the images of an epoch: as many indices as there are images, int64 (n,).

        Args:
            has_class: which classes each image shows, bool (n, classes).
            generator: of the epoch's draws.
        """


def sample(name: str, has_class: Tensor, generator: torch.Generator) -> Tensor:
    """Return the images of an epoch, int64 (n,), chosen by the sampler `name`.

    Args:
        name: of the sampler.
        has_class: which classes each image shows, bool (n, classes).
        generator: of the epoch's draws.
    """
    return cast(Sampler, module_named(__name__, name)).sample(has_class, generator)
