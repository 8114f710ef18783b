"""Mixes of images: each image of a batch is mixed with another, and so are their classes. Each module here is one.

The key of `augment` in params.yaml that has the module's name is α of the Beta distribution of the shares; 0 switches
the mix off. If several are on, one of them is drawn for each batch.

torchvision's versions draw from PyTorch's global generator, so that a resumed run would differ.
"""

from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from darkroom.common.named import module_named, names_in
from darkroom.common.parameters import Parameters


class Mix(Protocol):
    """A module that mixes images.

    Attributes:
        ORDER: place of the mix among all from which one is drawn.
        Options: the key of `augment`, which has the module's name.
    """

    ORDER: int
    Options: type[Parameters]

    def draw(self, size: tuple[int, int], draw: np.random.Generator) -> Any:  # noqa: ANN401 - only `mix` reads it
        """Draw what is random besides pairs and share. `size` is (height, width) of the images in pixels."""

    def mix(self, images: Tensor, others: Tensor, share: float, drawn: Any) -> tuple[Tensor, float]:  # noqa: ANN401
        """Mix two batches.

        Args:
            images: float (b, c, h, w).
            others: likewise.
            share: of `images` in the mix.
            drawn: what `draw` returned.

        Returns:
            The mixed images, float (b, c, h, w), and the exact share of `images` in them.
        """


@dataclass(frozen=True)
class Mixing:
    """A mix with its draws for one batch.

    Attributes:
        method: the mix.
        others: index of the image that each image is mixed with, int64 (b,), on the images' device.
        share: of the images in the mix.
        drawn: what else the method drew.
    """

    method: Mix
    others: Tensor
    share: float
    drawn: Any

    def apply(self, images: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        """Mix a batch.

        Args:
            images: float (b, c, h, w).
            labels: int64 (b,).
            classes: their number.

        Returns:
            The mixed images, float (b, c, h, w), and the share of each class in them, float32 (b, classes).
        """
        mixed, share = self.method.mix(images, images[self.others], self.share, self.drawn)
        targets = (labels[:, None] == torch.arange(classes, device=labels.device)).float()
        return mixed, share * targets + (1 - share) * targets[self.others]


def mixes() -> dict[str, Mix]:
    """Return all mixes by their names."""
    found = {name: cast(Mix, module_named(__name__, name)) for name in names_in(__name__)}
    return dict(sorted(found.items(), key=lambda item: item[1].ORDER))


def mixes_of(options: Parameters) -> list[tuple[Mix, float]]:
    """Return the mixes that `augment` switches on, each with its α."""
    pairs = [(one, float(getattr(options, name))) for name, one in mixes().items()]
    return [(one, alpha) for one, alpha in pairs if alpha]


def draw_mixes(
    choice: list[tuple[Mix, float]], batches: int, batch_size: int, size: tuple[int, int], draw: np.random.Generator,
    device: torch.device,
) -> list[Mixing]:  # fmt: skip
    """Draw the mixes of an epoch: of each batch the mix, the pairs and the share.

    Args:
        choice: as `mixes_of` returns it, at least one.
        batches: their number.
        batch_size: images in a batch.
        size: (height, width) of the images in pixels.
        draw: of the epoch.
        device: where the images are. The pairs are copied to it once for all batches.
    """
    drawn = []
    for _ in range(batches):
        method, alpha = choice[draw.integers(len(choice))]
        drawn.append((method, draw.permutation(batch_size), float(draw.beta(alpha, alpha)), method.draw(size, draw)))
    others = torch.from_numpy(np.stack([pairs for _, pairs, _, _ in drawn])).to(device)
    return [
        Mixing(method, pairs, share, rest)
        for (method, _, share, rest), pairs in zip(drawn, others.unbind(), strict=True)
    ]
