"""The metrics of each kind of task. Each module here is named after a kind and has what `KindMetrics` lists."""

from collections.abc import Callable
from typing import Protocol, cast

import torch
from torch import Tensor

from darkroom.common.named import module_named


class Tally(Protocol):
    """Metrics of a split, counted on the device batch by batch."""

    @property
    def targets(self) -> Tensor:
        """The number of targets counted."""

    def add(self, outputs: Tensor, targets: Tensor, loss: Tensor) -> None:
        """Count a batch of a model's outputs, their targets and their mean loss."""

    def compute(self) -> dict[str, float]:
        """Return the metrics by name, `loss` among them."""


class KindMetrics(Protocol):
    """How the predictions of a kind of task are measured."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the mean loss that is reported for every split, whatever training minimizes."""

    def new_tally(
        self, outputs: int, device: torch.device, sum_counts: Callable[[Tensor], Tensor] = ..., unit: float = ...
    ) -> Tally:
        """Return a tally that counts from zero.

        Args:
            outputs: how many numbers the model gives for each image, pixel or point.
            device: where to count.
            sum_counts: returns the sum of a count over all processes.
            unit: the standard deviation of the targets of a regression, which are standardized.
        """


def metrics_of(kind: str) -> KindMetrics:
    """Return the metrics of a kind of task."""
    return cast(KindMetrics, module_named(__name__, kind))
