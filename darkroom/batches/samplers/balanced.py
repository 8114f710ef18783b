"""Images of all classes equally often."""

import torch
from torch import Tensor


def sample(shows: Tensor, generator: torch.Generator) -> Tensor:
    """Return as many indices as there are images, int64 (n,), each class with an equal part of them.

    A class repeats the images that show it equally often. Where parts do not come out even, the first classes, and the
    images that are drawn first, are taken once more.

    Args:
        shows: bool (n, classes), which classes each image shows.
        generator: of the epoch's draws.
    """
    present = shows.any(0).nonzero().flatten()
    chosen = []
    for label, part in zip(present, torch.arange(len(shows)).tensor_split(len(present)), strict=True):
        own = shows[:, label].nonzero().flatten()
        rounds = -(-len(part) // len(own))
        drawn = [own[torch.randperm(len(own), generator=generator)] for _ in range(rounds)]
        chosen.append(torch.cat(drawn)[: len(part)])
    return torch.cat(chosen)
