"""Mixup and CutMix: each image of a batch is mixed with another, and so are their classes.

Those of torchvision draw from the global generator, so that a resumed run would differ.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.batches.parameters import ImageAugmentation


def mix(
    images: Tensor, labels: Tensor, classes: int, parameters: ImageAugmentation, draw: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Mix a batch by Mixup or CutMix; if both are on, by one of them at random.

    torchvision's versions draw from PyTorch's global generator. These draw from `draw`, so that a resumed run repeats
    them.

    Args:
        images: float (b, c, h, w).
        labels: int64 (b,).
        classes: their number.
        parameters: of the augmentation; `mixup` or `cutmix` is above 0.
        draw: of the method, the pairs and the shares.

    Returns:
        The mixed images, float (b, c, h, w), and the share of each class in them, float32 (b, classes).
    """
    methods = [method for method in (mixup, cutmix) if getattr(parameters, method.__name__) > 0]
    method = methods[draw.integers(len(methods))]
    alpha = getattr(parameters, method.__name__)
    others = torch.from_numpy(draw.permutation(len(images))).to(images.device)
    mixed, share = method(images, images[others], float(draw.beta(alpha, alpha)), draw)
    targets = F.one_hot(labels, classes).float()
    return mixed, share * targets + (1 - share) * targets[others]


def mixup(images: Tensor, others: Tensor, share: float, _: np.random.Generator) -> tuple[Tensor, float]:
    """Blend two batches (Zhang et al., arXiv:1710.09412).

    Args:
        images: float (b, c, h, w).
        others: likewise.
        share: weight of `images`; `others` weigh 1 - share.

    Returns:
        The blend, float (b, c, h, w), and `share`.
    """
    return share * images + (1 - share) * others, share


def cutmix(images: Tensor, others: Tensor, share: float, draw: np.random.Generator) -> tuple[Tensor, float]:
    """Replace a random box of the images by that of the others (Yun et al., arXiv:1905.04899).

    Args:
        images: float (b, c, h, w).
        others: likewise.
        share: of the area that the box leaves, before it is clipped at the border.
        draw: of the box's place.

    Returns:
        The mixed images, float (b, c, h, w), and the share of the area that is left of `images`.
    """
    height, width = images.shape[-2:]
    half = np.sqrt(1 - share) / 2
    row, column = draw.integers(height), draw.integers(width)
    top, bottom = max(0, int(row - half * height)), min(height, int(row + half * height))
    left, right = max(0, int(column - half * width)), min(width, int(column + half * width))
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = others[..., top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / (height * width)
