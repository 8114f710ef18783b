"""Metrics by kind of task. Each module here is named after a kind and implements `KindMetrics`."""

from collections.abc import Callable
from typing import Protocol, cast

import torch
from torch import Tensor

from darkroom.common.named import module_named


class Tally(Protocol):
    """Metrics of a split, accumulated batch by batch, on the device if it has float64."""

    @property
    def targets(self) -> Tensor:
        """The number of targets counted."""

    def add(self, outputs: Tensor, targets: Tensor, loss: Tensor) -> None:
        """Count a batch: the outputs of the model, their targets and their mean loss."""

    def compute(self) -> dict[str, float]:
        """Return the metrics by name, including `loss`."""


class KindMetrics(Protocol):
    """Loss and metrics of the predictions of a kind of task."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the mean loss that is reported for every split. `train.loss` does not change it."""

    def new_tally(
        self, outputs: int, device: torch.device, sum_counts: Callable[[Tensor], Tensor] = ..., unit: float = ...
    ) -> Tally:
        """Return an empty tally.

        Args:
            outputs: number of outputs of the model for each image, pixel or point.
            device: of the outputs.
            sum_counts: returns the sum of a tensor over all processes.
            unit: standard deviation of the targets of a regression before they were standardized.
        """


def metrics_of(kind: str) -> KindMetrics:
    """Return the metrics of a kind of task."""
    return cast(KindMetrics, module_named(__name__, kind))
