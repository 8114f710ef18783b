"""Squared error, for regression."""

import torch.nn.functional as F
from torch import Tensor

from darkroom.losses._base import Loss


class SquaredError(Loss):
    """Mean squared error of standardized numbers."""

    KINDS = ("regression",)

    def compute(self, outputs: Tensor, targets: Tensor, _: float, _class_weights: Tensor | None) -> Tensor:
        """Compute `squared_error`. There are no classes, so label smoothing and class weights are not used."""
        return squared_error(outputs, targets)


def squared_error(predicted: Tensor, targets: Tensor) -> Tensor:
    """Compute the mean squared error in float32 of predictions and targets, float (b, 1)."""
    return F.mse_loss(predicted.float(), targets)
