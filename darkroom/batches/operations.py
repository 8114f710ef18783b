"""Plans of operations on pixels for the images of an epoch, and how to apply them to a batch."""

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

    def batches(self, rows: Tensor, device: torch.device) -> "list[list[Step]]":
        """Return the steps of each batch of an epoch. They are copied to the device here, once for all batches.

        Args:
            rows: of the images in each batch, int64 (batches, b), on the CPU.
            device: where the images are.
        """
        count, steps = len(rows), self.operation.shape[1]
        operation, order = self.operation[rows].transpose(1, 2).sort(stable=True)  # (batches, steps, b)
        strength = self.strength[rows].transpose(1, 2).gather(2, order)
        groups = operation + len(OPERATIONS) * torch.arange(count * steps).view(count, steps, 1)
        sizes = groups.flatten().bincount(minlength=count * steps * len(OPERATIONS)).view(count, steps, -1)
        on_device = (values.to(device) for values in (order, order.argsort(), strength))
        return [
            [Step(*step) for step in zip(*of_batch, strict=True)]
            for of_batch in zip(sizes.tolist(), *on_device, strict=True)
        ]


@dataclass(frozen=True)
class Step:
    """One operation for each of b images, which are sorted by operation: the host knows the sizes of the groups.

    Attributes:
        sizes: how many images go through each of `OPERATIONS`.
        order: index of the image at each place of the sorted order, int64 (b,), on the images' device.
        place: of each image in the sorted order, int64 (b,), on the images' device.
        strength: in the sorted order, float32 (b,), on the images' device.
    """

    sizes: list[int]
    order: Tensor
    place: Tensor
    strength: Tensor


def apply(images: Tensor, steps: list[Step]) -> Tensor:
    """Return images after the steps of a plan. Nothing is copied to the device, and nothing waits for it.

    Args:
        images: float (b, 3, h, w) with integral values from 0 to 255.
        steps: of these images.

    Returns:
        Images like `images`.
    """
    for step in steps:
        groups, strengths = (torch.split(of_all, step.sizes) for of_all in (images[step.order], step.strength))
        changed = [
            operation(group, strength)
            for operation, group, strength in zip(OPERATIONS, groups, strengths, strict=True)
            if len(group)
        ]
        images = torch.cat(changed)[step.place]
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
