"""AutoAugment's policy for CIFAR-10 (Cubuk et al., arXiv:1805.09501)."""

import torch

from darkroom.batches.operations import NUMBER, STRONGEST, Plan, plan_from_levels

# The 25 pairs of operations for CIFAR-10 (table 7). An operation is its name, its probability in tenths, and its level
# from 0 to 9.
PAIRS = """
invert 1 7 contrast 2 6; rotate 7 2 translate_x 3 9; sharpness 8 1 sharpness 9 3; shear_y 5 8 translate_y 7 9;
autocontrast 5 8 equalize 9 2; shear_y 2 7 posterize 3 7; colour 4 3 brightness 6 7; sharpness 3 9 brightness 7 9;
equalize 6 5 equalize 5 1; contrast 6 7 sharpness 6 5; colour 7 7 translate_x 5 8; equalize 3 7 autocontrast 4 8;
translate_y 4 3 sharpness 2 6; brightness 9 6 colour 2 8; solarize 5 2 invert 0 3; equalize 2 0 autocontrast 6 0;
equalize 2 8 equalize 6 4; colour 9 9 equalize 6 6; autocontrast 8 4 solarize 2 8; brightness 1 3 colour 7 0;
solarize 4 5 autocontrast 9 3; translate_y 9 9 translate_y 7 9; autocontrast 9 2 solarize 8 3;
equalize 8 8 invert 1 3; translate_y 7 9 autocontrast 9 1
"""


def draw(count: int, side: int, generator: torch.Generator) -> Plan:
    """Draw one of the learned pairs of operations for each image. An operation happens with its probability."""
    words = [pair.split() for pair in PAIRS.split(";")]
    table = torch.tensor([[[NUMBER[w[0]], int(w[1]), int(w[2])] for w in (pair[:3], pair[3:])] for pair in words])
    drawn = table[torch.randint(len(table), (count,), generator=generator)]  # (count, 2, 3)
    happens = torch.rand((count, 2), generator=generator) < drawn[..., 1] / 10
    operation = torch.where(happens, drawn[..., 0], NUMBER["identity"])
    return plan_from_levels(operation, drawn[..., 2] / 9, STRONGEST, side, generator)
