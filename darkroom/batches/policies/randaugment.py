"""RandAugment (Cubuk et al., arXiv:1909.13719)."""

import torch

from darkroom.batches.operations import LEVELS, NUMBER, STRONGEST, Plan, plan_from_levels

OPERATIONS, LEVEL = 2, 9  # operations for each image, and their level


def draw(count: int, side: int, generator: torch.Generator) -> Plan:
    """Draw two operations for each image, all at the same level."""
    shape = (count, OPERATIONS)
    operation = torch.randint(NUMBER["invert"], shape, generator=generator)
    return plan_from_levels(operation, torch.full(shape, LEVEL / LEVELS), STRONGEST, side, generator)
