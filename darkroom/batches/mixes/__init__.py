"""Mixes of images: each image of a batch is mixed with another, and so are their classes. Each module here is one.

The key of `augment` in params.yaml that has the module's name is α of the Beta distribution of the shares; 0 switches
the mix off. If several are on, one of them is drawn for each batch.

torchvision's versions draw from PyTorch's global generator, so that a resumed run would differ.
"""

from typing import Protocol, cast

import numpy as np
import torch
import torch.nn.functional as F
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

    def mix(self, images: Tensor, others: Tensor, share: float, draw: np.random.Generator) -> tuple[Tensor, float]:
        """Mix two batches.

        Args:
            images: float (b, c, h, w).
            others: likewise.
            share: of `images` in the mix.
            draw: of everything else that is random.

        Returns:
            The mixed images, float (b, c, h, w), and the exact share of `images` in them.
        """


def mixes() -> dict[str, Mix]:
    """Return all mixes by their names."""
    found = {name: cast(Mix, module_named(__name__, name)) for name in names_in(__name__)}
    return dict(sorted(found.items(), key=lambda item: item[1].ORDER))


def mixes_of(options: Parameters) -> list[tuple[Mix, float]]:
    """Return the mixes that `augment` switches on, each with its α."""
    pairs = [(one, float(getattr(options, name))) for name, one in mixes().items()]
    return [(one, alpha) for one, alpha in pairs if alpha]


def mix(
    images: Tensor, labels: Tensor, classes: int, choice: list[tuple[Mix, float]], draw: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Mix a batch.

    Args:
        images: float (b, c, h, w).
        labels: int64 (b,).
        classes: their number.
        choice: as `mixes_of` returns it, at least one.
        draw: of the mix, the pairs and the shares.

    Returns:
        The mixed images, float (b, c, h, w), and the share of each class in them, float32 (b, classes).
    """
    method, alpha = choice[draw.integers(len(choice))]
    others = torch.from_numpy(draw.permutation(len(images))).to(images.device)
    mixed, share = method.mix(images, images[others], float(draw.beta(alpha, alpha)), draw)
    targets = F.one_hot(labels, classes).float()
    return mixed, share * targets + (1 - share) * targets[others]
