"""Sampler that takes each image once."""

import torch
from torch import Tensor


def sample(has_class: Tensor, _: torch.Generator) -> Tensor:
    """Return the index of each image once, int64 (n,)."""
    return torch.arange(len(has_class))
