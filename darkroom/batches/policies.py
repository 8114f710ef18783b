"""AutoAugment, RandAugment, TrivialAugment and colour jitter for whole batches, each image with its own draws."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from darkroom.batches import pixels

OPERATIONS: list[Callable[[Tensor, Tensor], Tensor]] = [
    pixels.identity, pixels.shear_x, pixels.shear_y, pixels.translate_x, pixels.translate_y, pixels.rotate,
    pixels.brightness, pixels.colour, pixels.contrast, pixels.sharpness, pixels.posterize, pixels.solarize,
    pixels.autocontrast, pixels.equalize, pixels.invert,
]  # fmt: skip
NUMBER = {operation.__name__: number for number, operation in enumerate(OPERATIONS)}
GEOMETRY = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
BLENDS = ("brightness", "colour", "contrast", "sharpness")
SIGNED = (*GEOMETRY, *BLENDS)

# The strength at the highest level; posterize takes away bits, solarize lowers its threshold from full scale.
STRONGEST = {
    "shear_x": 0.3, "shear_y": 0.3, "translate_x": 150 / 331, "translate_y": 150 / 331, "rotate": 30.0,
    "posterize": 4.0, "solarize": 1.0, **dict.fromkeys(BLENDS, 0.9),
}  # fmt: skip
STRONGEST_TRIVIAL = {
    "shear_x": 0.99, "shear_y": 0.99, "translate_x": 1.0, "translate_y": 1.0, "rotate": 135.0,
    "posterize": 6.0, "solarize": 1.0, **dict.fromkeys(BLENDS, 0.99),
}  # fmt: skip
LEVELS = 30
RANDAUGMENT_OPERATIONS, RANDAUGMENT_LEVEL = 2, 9

# CIFAR-10's 25 pairs of operation, probability in tenths and level of 9 (Cubuk et al., arXiv:1805.09501, table 7).
AUTOAUGMENT = """
invert 1 7 contrast 2 6; rotate 7 2 translate_x 3 9; sharpness 8 1 sharpness 9 3; shear_y 5 8 translate_y 7 9;
autocontrast 5 8 equalize 9 2; shear_y 2 7 posterize 3 7; colour 4 3 brightness 6 7; sharpness 3 9 brightness 7 9;
equalize 6 5 equalize 5 1; contrast 6 7 sharpness 6 5; colour 7 7 translate_x 5 8; equalize 3 7 autocontrast 4 8;
translate_y 4 3 sharpness 2 6; brightness 9 6 colour 2 8; solarize 5 2 invert 0 3; equalize 2 0 autocontrast 6 0;
equalize 2 8 equalize 6 4; colour 9 9 equalize 6 6; autocontrast 8 4 solarize 2 8; brightness 1 3 colour 7 0;
solarize 4 5 autocontrast 9 3; translate_y 9 9 translate_y 7 9; autocontrast 9 2 solarize 8 3;
equalize 8 8 invert 1 3; translate_y 7 9 autocontrast 9 1
"""


@dataclass(frozen=True)
class Plan:
    """What is done to each of n images, one operation after another.

    Attributes:
        operation: int64 (n, steps), of `OPERATIONS`.
        strength: float32 (n, steps).
    """

    operation: Tensor
    strength: Tensor

    def at(self, indices: Tensor) -> "Plan":
        return Plan(self.operation[indices], self.strength[indices])


def apply(images: Tensor, plan: Plan) -> Tensor:
    """Do to each image, float (b, 3, h, w) of integral values from 0 to 255, what `plan`, on the CPU, says."""
    images = images.clone()
    for step in range(plan.operation.shape[1]):
        for number in plan.operation[:, step].unique().tolist():
            if number == NUMBER["identity"]:
                continue
            rows = (plan.operation[:, step] == number).nonzero()[:, 0]
            strength = plan.strength[rows, step].to(images.device)
            rows = rows.to(images.device)
            images[rows] = OPERATIONS[number](images[rows], strength)
    return images


def draw_plan(policy: str, count: int, side: int, draw: torch.Generator) -> Plan:
    """Draw for `count` images of `side` pixels.

    Args:
        policy: `randaugment`, `trivialaugment` or `autoaugment`.
    """
    return POLICIES[policy](count, side, draw)


def jitter_plan(strength: float, count: int, draw: torch.Generator) -> Plan:
    """Brightness, contrast and colour, each by a factor between 1 - strength and 1 + strength."""
    operations = torch.tensor([NUMBER[name] for name in ("brightness", "contrast", "colour")])
    return Plan(operations.expand(count, 3), (torch.rand((count, 3), generator=draw) * 2 - 1) * strength)


def _randaugment(count: int, side: int, draw: torch.Generator) -> Plan:
    """Cubuk et al., arXiv:1909.13719: operations at random, all at one level."""
    shape = (count, RANDAUGMENT_OPERATIONS)
    operation = torch.randint(NUMBER["invert"], shape, generator=draw)
    return _plan(operation, torch.full(shape, RANDAUGMENT_LEVEL / LEVELS), STRONGEST, side, side, draw)


def _trivialaugment(count: int, side: int, draw: torch.Generator) -> Plan:
    """Müller and Hutter, arXiv:2103.10158: one operation at random, at a random level of its wide space."""
    operation = torch.randint(NUMBER["invert"], (count, 1), generator=draw)
    level = torch.randint(LEVELS + 1, (count, 1), generator=draw) / LEVELS
    return _plan(operation, level, STRONGEST_TRIVIAL, side, 32, draw)


def _autoaugment(count: int, side: int, draw: torch.Generator) -> Plan:
    """Cubuk et al., arXiv:1805.09501: a learned pair of operations, each with its probability and level."""
    words = [pair.split() for pair in AUTOAUGMENT.split(";")]
    table = torch.tensor([[[NUMBER[w[0]], int(w[1]), int(w[2])] for w in (pair[:3], pair[3:])] for pair in words])
    drawn = table[torch.randint(len(table), (count,), generator=draw)]  # (count, 2, 3)
    happens = torch.rand((count, 2), generator=draw) < drawn[..., 1] / 10
    operation = torch.where(happens, drawn[..., 0], NUMBER["identity"])
    return _plan(operation, drawn[..., 2] / 9, STRONGEST, side, side, draw)


POLICIES: dict[str, Callable[[int, int, torch.Generator], Plan]] = {
    "randaugment": _randaugment,
    "trivialaugment": _trivialaugment,
    "autoaugment": _autoaugment,
}


def _plan(
    operation: Tensor, level: Tensor, strongest: dict[str, float], side: int, translation: int, draw: torch.Generator
) -> Plan:
    """Strengths from levels, float (n, steps) from 0 to 1; those with a sign get one at random.

    Args:
        translation: what a translation of 1 is, in pixels.
    """
    scale = torch.tensor([strongest.get(kind.__name__, 0.0) for kind in OPERATIONS])
    scale[[NUMBER["translate_x"], NUMBER["translate_y"]]] *= translation
    strength = level * scale[operation]
    signed = torch.tensor([kind.__name__ in SIGNED for kind in OPERATIONS])[operation]
    negative = torch.rand(operation.shape, generator=draw) < 0.5
    strength = torch.where(signed & negative, -strength, strength)
    strength = torch.where(operation == NUMBER["posterize"], 8 - strength.round(), strength)
    return Plan(operation, torch.where(operation == NUMBER["solarize"], 1 - strength, strength))
