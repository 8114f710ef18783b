"""Augmentations of whole batches of images with one class each. Each module here is one.

A module has a class `Options`, whose fields are keys of `augment` in params.yaml, and what `Augmentation` lists.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from darkroom.batches.operations import Plan, Step
from darkroom.common.named import module_named, names_in
from darkroom.common.parameters import Parameters
from darkroom.common.randomness import seed_for


@dataclass(frozen=True)
class Epoch:
    """The rows of an epoch, one for each image that it shows.

    Attributes:
        number: of the epoch.
        seed: of the run.
        size: (height, width) of the images in pixels.
        images: index of the image that each row shows, int64 (n,).
        times: how often that image was shown before, int64 (n,).
    """

    number: int
    seed: int
    size: tuple[int, int]
    images: Tensor
    times: Tensor

    def generator(self, purpose: str, number: int | None = None) -> torch.Generator:
        """Return a generator keyed by (seed, purpose, epoch). `number` takes the place of the epoch's number."""
        key = self.number if number is None else number
        return torch.Generator().manual_seed(seed_for(self.seed, purpose, key))


class Augmentation(Protocol):
    """A module that augments batches.

    All draws of an epoch are made at its start, one for each row, and copied to the device in one go. So the result for
    an image does not depend on the batch that it is in, and no step waits for a copy.

    Attributes:
        ORDER: place of the augmentation among all. Those below 0 work on pixel values, those above 0 on normalized
            images.
        Options: the keys of `augment`.
    """

    ORDER: int
    Options: type[Parameters]

    def draw(self, options: Any, epoch: Epoch) -> Tensor | Plan | None:  # noqa: ANN401 - the module's Options
        """Draw for each row of an epoch.

        Returns:
            A tensor (n, …) or a plan of n images, on the CPU; None if the options switch the augmentation off.

        Raises:
            UserError: the images are too small for the options.
        """

    def apply(self, images: Tensor, draws: Any, options: Any) -> Tensor:  # noqa: ANN401
        """Return augmented images.

        Args:
            images: float (b, 3, h, w): values 0 to 255 where `ORDER` is below 0, else normalized.
            draws: those of the batch's rows, on the images' device: a tensor (b, …), or the steps of a plan.
            options: as for `draw`.
        """


@dataclass(frozen=True)
class Drawn:
    """An augmentation that is on, with its draws for each batch of an epoch, on the images' device."""

    augmentation: Augmentation
    draws: Sequence[Tensor | list[Step]]
    options: Parameters

    @property
    def works_on_pixels(self) -> bool:
        """Whether it works on pixel values and not on normalized images."""
        return self.augmentation.ORDER < 0

    def apply(self, images: Tensor, batch: int) -> Tensor:
        """Return the images of the batch of this number, float (b, 3, h, w), augmented by its draws."""
        return self.augmentation.apply(images, self.draws[batch], self.options)


def augmentations() -> list[Augmentation]:
    """Return all augmentations in the order in which they are applied."""
    found = [cast(Augmentation, module_named(__name__, name)) for name in names_in(__name__)]
    return sorted(found, key=lambda one: one.ORDER)


def draw_all(options: Parameters, epoch: Epoch, rows: Tensor, device: torch.device) -> list[Drawn]:
    """Return the augmentations that `options` switch on, in their order, with their draws for an epoch.

    Args:
        options: of all augmentations.
        epoch: its rows.
        rows: those in each batch, int64 (batches, b), on the CPU.
        device: where the images are.
    """
    drawn = ((one, one.draw(options, epoch)) for one in augmentations())
    return [Drawn(one, _by_batch(draws, rows, device), options) for one, draws in drawn if draws is not None]


def _by_batch(draws: Tensor | Plan, rows: Tensor, device: torch.device) -> Sequence[Tensor | list[Step]]:
    """Return the draws of each batch, on the device."""
    return draws.batches(rows, device) if isinstance(draws, Plan) else draws[rows].to(device).unbind()
