"""Squared error, for regression."""

import torch.nn.functional as F
from torch import Tensor


def squared_error(
    predicted: Tensor, targets: Tensor, label_smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Mean squared error in float32.

    Args:
        predicted, targets: float (b, 1).
        label_smoothing, weights: not used; there are no classes.
    """
    return F.mse_loss(predicted.float(), targets)
