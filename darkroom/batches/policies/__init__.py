"""Augmentation policies, which draw operations on pixels.

Each module here is a policy. `augment.policy` in params.yaml names it by the module's name.
"""

from typing import Protocol, cast

import torch

from darkroom.batches.operations import Plan
from darkroom.common.named import module_named


class Policy(Protocol):
    """A module that draws operations for images."""

    def draw(self, count: int, side: int, generator: torch.Generator) -> Plan:
        """Draw the operations for `count` images that are `side` pixels high."""


def draw_plan(policy: str, count: int, side: int, generator: torch.Generator) -> Plan:
    """Draw the operations for `count` images that are `side` pixels high, by the policy of this name."""
    return cast(Policy, module_named(__name__, policy)).draw(count, side, generator)
