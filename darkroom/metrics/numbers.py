"""Metrics of answers that are numbers."""

from collections.abc import Callable

import torch
from torch import Tensor


class ErrorTally:
    """As `Tally`, of answers that are numbers: the mean squared error of the standardized targets, its root in the
    targets' own unit, and R², 1 less its share of the targets' variance."""

    def __init__(
        self, _kind: str, _classes: int, device: torch.device, add_up: Callable[[Tensor], Tensor] = lambda own: own,
        unit: float = 1.0,
    ) -> None:  # fmt: skip
        """Count from nothing; `add_up` as of `Tally`, `unit` is what 1 of the standardized targets is in their own."""
        self.add_up, self.unit = add_up, unit
        self.count = torch.zeros((), dtype=torch.float64, device=device)
        self.error, self.mean, self.variation = (torch.zeros_like(self.count) for _ in range(3))

    def add(self, predicted: Tensor, targets: Tensor, _loss: Tensor) -> None:
        """Count a batch: predictions and targets, float (b, 1).

        Their variation is around their own mean, and that of two parts around the mean of both (Chan, Golub and
        LeVeque, 1979): sums of squares would cancel where the targets are far from 0.
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
        """How many were counted."""
        return self.count

    def figures(self) -> dict[str, float]:
        """`loss`, `r2`, which is 0 where all targets are the same, and `rmse`."""
        count, error, target = self.add_up(torch.stack([self.count, self.error, self.count * self.mean])).tolist()
        variation = float(self.add_up(self.variation + self.count * (self.mean - target / count) ** 2))
        return {
            "loss": error / count,
            "r2": 1 - error / variation if variation else 0.0,
            "rmse": self.unit * (error / count) ** 0.5,
        }
