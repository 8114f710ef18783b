"""Sampler that takes each image once."""

from collections.abc import Callable

import torch
from torch import Tensor


def sample(count: int, _has_class: Callable[[], Tensor], _: torch.Generator) -> Tensor:
    """Return the index of each image once, int64 (n,)."""
    return torch.arange(count)
