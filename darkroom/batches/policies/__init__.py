"""Augmentation policies. Each module here is one, and its name is what `augment.policy` in params.yaml names it by."""

from typing import Protocol, cast

import torch

from darkroom.batches.operations import Plan
from darkroom.common.named import module_named


class Policy(Protocol):
    """A module of this package."""

    def draw(self, count: int, side: int, generator: torch.Generator) -> Plan:
        """Draw the operations for `count` images of `side` pixels."""


def draw_plan(policy: str, count: int, side: int, generator: torch.Generator) -> Plan:
    """Draw the operations for `count` images of `side` pixels by the policy of this name."""
    return cast(Policy, module_named(__name__, policy)).draw(count, side, generator)
