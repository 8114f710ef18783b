"""Augmentations of whole batches of images with one class each. Each module here is one.

A module has a class `Options`, whose fields are keys of `augment` in params.yaml, and what `Augmentation` lists.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor

from darkroom.batches.operations import Plan
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
        device: where the images are.
    """

    number: int
    seed: int
    size: tuple[int, int]
    images: Tensor
    times: Tensor
    device: torch.device

    def generator(self, purpose: str, number: int | None = None) -> torch.Generator:
        """Return a generator keyed by (seed, purpose, epoch). `number` takes the place of the epoch's number."""
        key = self.number if number is None else number
        return torch.Generator().manual_seed(seed_for(self.seed, purpose, key))


class Augmentation(Protocol):
    """A module that augments batches.

    All draws of an epoch are made at its start, one for each row. So the result for an image does not depend on the
    batch that it is in.

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
            A tensor (n, …) on the images' device, or a plan of n images; None if the options switch the augmentation
            off.

        Raises:
            UserError: the images are too small for the options.
        """

    def apply(self, images: Tensor, draws: Any, options: Any) -> Tensor:  # noqa: ANN401
        """Return augmented images.

        Args:
            images: float (b, 3, h, w): values 0 to 255 where `ORDER` is below 0, else normalized.
            draws: those of the batch's rows.
            options: as for `draw`.
        """


class Rows(NamedTuple):
    """Rows of an epoch, int64 (b,), once in the memory of the host and once on the images' device."""

    on_host: Tensor
    on_device: Tensor


@dataclass(frozen=True)
class Drawn:
    """An augmentation that is on, with its draws for all rows of an epoch."""

    augmentation: Augmentation
    draws: Tensor | Plan
    options: Parameters

    @property
    def works_on_pixels(self) -> bool:
        """Whether it works on pixel values and not on normalized images."""
        return self.augmentation.ORDER < 0

    def apply(self, images: Tensor, rows: Rows) -> Tensor:
        """Return a batch of images, float (b, 3, h, w), augmented by the draws of its rows."""
        draws = self.draws[rows.on_host] if isinstance(self.draws, Plan) else self.draws[rows.on_device]
        return self.augmentation.apply(images, draws, self.options)


def augmentations() -> list[Augmentation]:
    """Return all augmentations in the order in which they are applied."""
    found = [cast(Augmentation, module_named(__name__, name)) for name in names_in(__name__)]
    return sorted(found, key=lambda one: one.ORDER)


def draw_all(options: Parameters, epoch: Epoch) -> list[Drawn]:
    """Return the augmentations that `options` switch on, in their order, with their draws for an epoch."""
    drawn = ((one, one.draw(options, epoch)) for one in augmentations())
    return [Drawn(one, draws, options) for one, draws in drawn if draws is not None]
