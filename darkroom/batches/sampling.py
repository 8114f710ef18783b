"""Which training images an epoch shows, and how often."""

from collections.abc import Callable

import torch
from torch import Tensor


def plain(labels: Tensor, _: torch.Generator) -> Tensor:
    """Each image once; int64 (n,) for the class ids `labels` (n,)."""
    return torch.arange(len(labels))


def balanced(labels: Tensor, draw: torch.Generator) -> Tensor:
    """As many images as there are, every class equally often and every image of a class equally often.

    Where that does not come out even, some classes, and the images that `draw` puts first, are shown once more.

    Returns:
        Indices of images, int64 (n,), for their class ids `labels`, int64 (n,).
    """
    present = labels.unique()
    quotas = [len(part) for part in torch.arange(len(labels)).tensor_split(len(present))]
    chosen = []
    for label, quota in zip(present, quotas, strict=True):
        own = (labels == label).nonzero().flatten()
        rounds = -(-quota // len(own))
        chosen.append(torch.cat([own[torch.randperm(len(own), generator=draw)] for _ in range(rounds)])[:quota])
    return torch.cat(chosen)


SAMPLERS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {"plain": plain, "balanced": balanced}
