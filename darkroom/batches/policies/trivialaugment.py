"""TrivialAugment (Müller and Hutter, arXiv:2103.10158)."""

import torch

from darkroom.batches.operations import BLENDS, LEVELS, NUMBER, Plan, plan_from_levels

STRONGEST = {  # strength at the highest level, in the paper's wide search space
    "shear_x": 0.99, "shear_y": 0.99, "translate_x": 1.0, "translate_y": 1.0, "rotate": 135.0,
    "posterize": 6.0, "solarize": 1.0, **dict.fromkeys(BLENDS, 0.99),
}  # fmt: skip
TRANSLATION = 32  # pixels at the highest level, for images of any size


def draw(count: int, _: int, generator: torch.Generator) -> Plan:
    """Draw one operation at a random level for each image."""
    operation = torch.randint(NUMBER["invert"], (count, 1), generator=generator)
    level = torch.randint(LEVELS + 1, (count, 1), generator=generator) / LEVELS
    return plan_from_levels(operation, level, STRONGEST, TRANSLATION, generator)
