"""TrivialAugment (Müller and Hutter, arXiv:2103.10158)."""

import torch

from darkroom.batches.operations import BLENDS, LEVELS, NUMBER, Plan, plan_from_levels

STRONGEST = {  # at the highest level of the paper's wide space
    "shear_x": 0.99, "shear_y": 0.99, "translate_x": 1.0, "translate_y": 1.0, "rotate": 135.0,
    "posterize": 6.0, "solarize": 1.0, **dict.fromkeys(BLENDS, 0.99),
}  # fmt: skip
TRANSLATION = 32  # pixels at the highest level, whatever the image's side


def draw(count: int, _: int, generator: torch.Generator) -> Plan:
    """Draw one operation for each image, at a random level."""
    operation = torch.randint(NUMBER["invert"], (count, 1), generator=generator)
    level = torch.randint(LEVELS + 1, (count, 1), generator=generator) / LEVELS
    return plan_from_levels(operation, level, STRONGEST, TRANSLATION, generator)
