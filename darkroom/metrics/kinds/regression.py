"""Metrics of points with one number each."""

from collections.abc import Callable

import torch
from torch import Tensor

from darkroom.losses.squared_error import squared_error
from darkroom.metrics.classes import identity
from darkroom.metrics.errors import ErrorTally


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Compute the mean squared error of standardized numbers."""
    return squared_error(outputs, targets)


def new_tally(
    outputs: int, device: torch.device, sum_counts: Callable[[Tensor], Tensor] = identity, unit: float = 1.0
) -> ErrorTally:
    """Return an empty tally."""
    return ErrorTally(device, sum_counts, unit)
