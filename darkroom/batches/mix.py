"""Mixup and CutMix: each image of a batch with another one's pixels, and the classes of both."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.batches.parameters import ImageAugmentation


def mix(
    images: Tensor, labels: Tensor, classes: int, parameters: ImageAugmentation, draw: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Mix the batch by Mixup, by CutMix, or, where both are on, by one of them at random.

    Args:
        images: float (b, c, h, w).
        labels: int64 (b,).

    Returns:
        The images, and each one's share of every class, float32 (b, classes).
    """
    kinds = [kind for kind in (mixup, cutmix) if getattr(parameters, kind.__name__) > 0]
    kind = kinds[draw.integers(len(kinds))]
    alpha = getattr(parameters, kind.__name__)
    others = torch.from_numpy(draw.permutation(len(images))).to(images.device)
    mixed, share = kind(images, images[others], float(draw.beta(alpha, alpha)), draw)
    targets = F.one_hot(labels, classes).float()
    return mixed, share * targets + (1 - share) * targets[others]


def mixup(images: Tensor, others: Tensor, share: float, _: np.random.Generator) -> tuple[Tensor, float]:
    """`share` of the images' pixel values and the rest of the others' (Zhang et al., arXiv:1710.09412)."""
    return share * images + (1 - share) * others, share


def cutmix(images: Tensor, others: Tensor, share: float, draw: np.random.Generator) -> tuple[Tensor, float]:
    """The images with a box of the others' pixels (Yun et al., arXiv:1905.04899).

    The box would leave `share` of the area and is clipped at the border, which leaves the share returned.
    """
    height, width = images.shape[-2:]
    half = np.sqrt(1 - share) / 2
    row, column = draw.integers(height), draw.integers(width)
    top, bottom = max(0, int(row - half * height)), min(height, int(row + half * height))
    left, right = max(0, int(column - half * width)), min(width, int(column + half * width))
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = others[..., top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / (height * width)
