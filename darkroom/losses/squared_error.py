"""Squared error, for regression."""

import torch.nn.functional as F
from torch import Tensor

from darkroom.losses._base import Loss


class SquaredError(Loss):
    """Mean squared error of standardized numbers."""

    KINDS = ("regression",)

    def compute(self, outputs: Tensor, targets: Tensor, _: float, _class_weights: Tensor | None) -> Tensor:
        """Compute the loss as `squared_error` does. Label smoothing and class weights are not used."""
        return squared_error(outputs, targets)


def squared_error(predicted: Tensor, targets: Tensor) -> Tensor:
    """Compute the mean squared error of predictions and targets, both float (b, 1); a float32 scalar."""
    return F.mse_loss(predicted.float(), targets)
