"""Plans of operations on pixels, one for each image, and how to apply them to a batch."""

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

# Strength of each operation at the highest level, as `plan_from_levels` takes it. Posterize: how many bits it removes.
# Solarize: how far its threshold lies below full scale. Translations: fractions of the side.
STRONGEST = {
    "shear_x": 0.3, "shear_y": 0.3, "translate_x": 150 / 331, "translate_y": 150 / 331, "rotate": 30.0,
    "posterize": 4.0, "solarize": 1.0, **dict.fromkeys(BLENDS, 0.9),
}  # fmt: skip
LEVELS = 30  # the highest level


@dataclass(frozen=True)
class Plan:
    """The operations for n images, which each image goes through in their order.

    Attributes:
        operation: indices into `OPERATIONS`, int64 (n, steps).
        strength: of each operation, float32 (n, steps).
    """

    operation: Tensor
    strength: Tensor

    def __getitem__(self, indices: Tensor) -> "Plan":
        """Return the plan of the images at `indices`, int64 (b,), on the CPU."""
        return Plan(self.operation[indices], self.strength[indices])


def apply(images: Tensor, plan: Plan) -> Tensor:
    """Return images after the operations of a plan.

    Args:
        images: float (b, 3, h, w) with integral values from 0 to 255.
        plan: of b images, on the CPU.

    Returns:
        Images like `images`.
    """
    images = images.clone()
    for step in range(plan.operation.shape[1]):
        for number in torch.unique(plan.operation[:, step]).tolist():
            if number == NUMBER["identity"]:
                continue
            rows = (plan.operation[:, step] == number).nonzero()[:, 0]
            strength = plan.strength[rows, step].to(images.device)
            rows = rows.to(images.device)
            images[rows] = OPERATIONS[number](images[rows], strength)
    return images


def plan_from_levels(
    operation: Tensor, level: Tensor, strongest: dict[str, float], side: int, generator: torch.Generator
) -> Plan:
    """Return the plan of operations at given levels. The sign of a strength is random where it means a direction.

    Args:
        operation: indices into `OPERATIONS`, int64 (n, steps).
        level: of each operation, float (n, steps) from 0 to 1.
        strongest: the strength of each operation at level 1, by its name.
        side: pixels that a translation of strength 1 moves by.
        generator: of the signs.
    """
    scale = torch.tensor([strongest.get(kind.__name__, 0.0) for kind in OPERATIONS])
    scale[[NUMBER["translate_x"], NUMBER["translate_y"]]] *= side
    strength = level * scale[operation]
    signed = torch.tensor([kind.__name__ in SIGNED for kind in OPERATIONS])[operation]
    negative = torch.rand(operation.shape, generator=generator) < 0.5
    strength = torch.where(signed & negative, -strength, strength)
    strength = torch.where(operation == NUMBER["posterize"], 8 - strength.round(), strength)
    return Plan(operation, torch.where(operation == NUMBER["solarize"], 1 - strength, strength))
