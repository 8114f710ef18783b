"""Random changes of brightness, contrast and colour."""

import torch
from pydantic import Field
from torch import Tensor

from darkroom.batches.augmentations import Epoch
from darkroom.batches.operations import NUMBER, Plan, Step
from darkroom.batches.operations import apply as apply_steps
from darkroom.common.parameters import Parameters

ORDER = -1
OPERATIONS = ("brightness", "contrast", "colour")


class Options(Parameters):
    """The key `jitter`."""

    jitter: float = Field(default=0.0, ge=0, le=1)
    """Largest random change of brightness, contrast and colour, as a fraction; 0 switches it off."""


def draw(options: Options, epoch: Epoch) -> Plan | None:
    """Draw the factors of each row, from 1 - jitter to 1 + jitter."""
    if not options.jitter:
        return None
    operations = torch.tensor([NUMBER[name] for name in OPERATIONS])
    shape = (len(epoch.images), len(OPERATIONS))
    strength = (torch.rand(shape, generator=epoch.generator("jitter")) * 2 - 1) * options.jitter
    return Plan(operations.expand(shape), strength)


def apply(images: Tensor, draws: list[Step], _: Options) -> Tensor:
    """Change the images by their factors."""
    return apply_steps(images, draws)
