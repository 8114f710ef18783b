"""Augmentation policies, which draw operations on the pixels of each image."""

from typing import Annotated

from torch import Tensor

import darkroom.batches.policies
from darkroom.batches.augmentations import Epoch
from darkroom.batches.operations import Plan, Step
from darkroom.batches.operations import apply as apply_steps
from darkroom.batches.policies import draw_plan
from darkroom.common.named import NameIn
from darkroom.common.parameters import Parameters

ORDER = -2


class Options(Parameters):
    """The key `policy`."""

    policy: Annotated[str, NameIn(darkroom.batches.policies.__name__, besides=("none",))] = "none"
    """Augmentation policy, which draws operations on the pixels of each image in each epoch."""


def draw(options: Options, epoch: Epoch) -> Plan | None:
    """Draw the operations for each row."""
    if options.policy == "none":
        return None
    return draw_plan(options.policy, len(epoch.images), epoch.size[0], epoch.generator("policy"))


def apply(images: Tensor, draws: list[Step], _: Options) -> Tensor:
    """Apply the operations."""
    return apply_steps(images, draws)
