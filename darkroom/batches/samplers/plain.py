"""Each image once."""

import torch
from torch import Tensor


def sample(shows: Tensor, _: torch.Generator) -> Tensor:
    """Return each image's index once, int64 (n,)."""
    return torch.arange(len(shows))
