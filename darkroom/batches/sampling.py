"""Which training images an epoch shows, and how often."""

from collections.abc import Callable

import torch
from torch import Tensor


def plain(shows: Tensor, _: torch.Generator) -> Tensor:
    """Each image once; int64 (n,)."""
    return torch.arange(len(shows))


def balanced(shows: Tensor, draw: torch.Generator) -> Tensor:
    """As many images as there are: every class gets as many that show it, and takes each of these equally often.

    Where that does not come out even, some classes, and the images that `draw` puts first, are taken once more.

    Args:
        shows: bool (n, classes), which classes each image shows.

    Returns:
        Indices of images, int64 (n,).
    """
    present = shows.any(0).nonzero().flatten()
    chosen = []
    for label, part in zip(present, torch.arange(len(shows)).tensor_split(len(present)), strict=True):
        own = shows[:, label].nonzero().flatten()
        rounds = -(-len(part) // len(own))
        chosen.append(torch.cat([own[torch.randperm(len(own), generator=draw)] for _ in range(rounds)])[: len(part)])
    return torch.cat(chosen)


SAMPLERS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {"plain": plain, "balanced": balanced}


def times_before(images: Tensor) -> Tensor:
    """How often each entry of a sequence of images, int64 (n,), stands in it before; int64 (n,)."""
    order = images.argsort(stable=True)
    values = images[order]
    starts = torch.searchsorted(values, values)  # where the run of equal ones begins
    times = torch.empty_like(images)
    times[order] = torch.arange(len(images)) - starts
    return times
