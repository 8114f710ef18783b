"""Metrics of predicted numbers, for regression."""

from collections.abc import Callable

import torch
from torch import Tensor

from darkroom.device.precision import tally_device
from darkroom.metrics.classes import identity


class ErrorTally:
    """Mean squared error, RMSE and R², accumulated batch by batch, on the device if it has float64.

    Args:
        device: of the predictions.
        sum_counts: returns the sum of a tensor over all processes.
        unit: standard deviation of the targets before they were standardized.
    """

    def __init__(
        self, device: torch.device, sum_counts: Callable[[Tensor], Tensor] = identity, unit: float = 1.0
    ) -> None:
        self.sum_counts, self.unit = sum_counts, unit
        self.count = torch.zeros((), dtype=torch.float64, device=tally_device(device))
        self.error, self.mean, self.variation = (torch.zeros_like(self.count) for _ in range(3))

    def add(self, predicted: Tensor, targets: Tensor, _loss: Tensor) -> None:
        """Count a batch of standardized predictions and targets, float (b, 1).

        The sum of squared deviations of the targets is updated with their mean (Chan, Golub and LeVeque, 1979). Plain
        sums of squares would lose digits where targets are far from 0.
        """
        predicted, targets = (numbers.to(self.count.device).double() for numbers in (predicted, targets))
        count, mean = targets.numel(), targets.mean()
        self.error += ((predicted - targets) ** 2).sum()
        weight = count / (self.count + count)
        self.variation += ((targets - mean) ** 2).sum() + self.count * weight * (mean - self.mean) ** 2
        self.mean += weight * (mean - self.mean)
        self.count += count

    @property
    def targets(self) -> Tensor:
        """The number of targets counted."""
        return self.count

    def compute(self) -> dict[str, float]:
        """Return `loss`, `r2` and `rmse`.

        `loss` is the mean squared error of standardized numbers, `rmse` its root in the unit of the targets. `r2` is 1
        minus the mean squared error divided by the variance of the targets; 0 if all targets are equal.
        """
        count, error, target = self.sum_counts(torch.stack([self.count, self.error, self.count * self.mean])).tolist()
        variation = float(self.sum_counts(self.variation + self.count * (self.mean - target / count) ** 2))
        return {
            "loss": error / count,
            "r2": 1 - error / variation if variation else 0.0,
            "rmse": self.unit * (error / count) ** 0.5,
        }
