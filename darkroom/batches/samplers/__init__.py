"""Samplers: which training images an epoch shows. Each module here is one, named by `train.sampler` in params.yaml."""

from typing import Protocol, cast

import torch
from torch import Tensor

from darkroom.common.named import module_named


class Sampler(Protocol):
    """A module of this package."""

    def sample(self, shows: Tensor, generator: torch.Generator) -> Tensor:
        """Return the images that an epoch shows: as many indices as there are images, int64 (n,).

        Args:
            shows: bool (n, classes), which classes each image shows.
            generator: of the epoch's draws.
        """


def sample(name: str, shows: Tensor, generator: torch.Generator) -> Tensor:
    """Return the images that an epoch shows, int64 (n,), by the sampler `name`. Arguments as of `Sampler.sample`."""
    return cast(Sampler, module_named(__name__, name)).sample(shows, generator)
