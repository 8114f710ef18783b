"""Metrics of predicted numbers."""

from collections.abc import Callable

import torch
from torch import Tensor

from darkroom.metrics.classes import identity


class ErrorTally:
    """Mean squared error, its root and R², counted on the device batch by batch.

    Args:
        device: where to count.
        sum_counts: returns the sum of a count over all processes.
        unit: the standard deviation of the targets, which are standardized.
    """

    def __init__(
        self, device: torch.device, sum_counts: Callable[[Tensor], Tensor] = identity, unit: float = 1.0
    ) -> None:
        self.sum_counts, self.unit = sum_counts, unit
        self.count = torch.zeros((), dtype=torch.float64, device=device)
        self.error, self.mean, self.variation = (torch.zeros_like(self.count) for _ in range(3))

    def add(self, predicted: Tensor, targets: Tensor, _loss: Tensor) -> None:
        """Count a batch of standardized predictions and targets, float (b, 1).

        The variation of the targets is kept around their mean so far, since sums of squares would cancel where targets
        are far from 0. Two parts are joined after Chan, Golub and LeVeque (1979).
        """
        predicted, targets = predicted.double(), targets.double()
        count, mean = targets.numel(), targets.mean()
        self.error += ((predicted - targets) ** 2).sum()
        share = count / (self.count + count)
        self.variation += ((targets - mean) ** 2).sum() + self.count * share * (mean - self.mean) ** 2
        self.mean += share * (mean - self.mean)
        self.count += count

    @property
    def targets(self) -> Tensor:
        """The number of targets counted."""
        return self.count

    def compute(self) -> dict[str, float]:
        """Return `loss`, the mean squared error; `r2`, 0 where all targets are equal; and `rmse` in the targets' unit.

        R² is 1 − the error's share of the targets' variance.
        """
        count, error, target = self.sum_counts(torch.stack([self.count, self.error, self.count * self.mean])).tolist()
        variation = float(self.sum_counts(self.variation + self.count * (self.mean - target / count) ** 2))
        return {
            "loss": error / count,
            "r2": 1 - error / variation if variation else 0.0,
            "rmse": self.unit * (error / count) ** 0.5,
        }
