"""Sampler that takes all classes equally often."""

from collections.abc import Callable

import torch
from torch import Tensor


def sample(count: int, has_class: Callable[[], Tensor], generator: torch.Generator) -> Tensor:
    """Return as many indices as there are images, int64 (n,), in equal parts for all classes that occur.

    The part of a class repeats the images that show it, each equally often. Where n is not a multiple of the number of
    classes, the first classes get one image more. Where a part is not a multiple of the number of its images, randomly
    drawn images are repeated once more.

    Args:
        count: number of images.
        has_class: returns which classes each image shows, bool (n, classes).
        generator: of the epoch's draws.
    """
    shows = has_class()
    present = shows.any(0).nonzero().flatten()
    chosen = []
    for label, part in zip(present, torch.arange(count).tensor_split(len(present)), strict=True):
        images = shows[:, label].nonzero().flatten()
        rounds = -(-len(part) // len(images))
        drawn = [images[torch.randperm(len(images), generator=generator)] for _ in range(rounds)]
        chosen.append(torch.cat(drawn)[: len(part)])
    return torch.cat(chosen)
