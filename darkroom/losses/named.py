"""The losses by the names that `train.loss` gives them, and their weighted sum."""

from collections.abc import Callable

from torch import Tensor

from darkroom.losses.cross_entropy import cross_entropy
from darkroom.losses.dice import dice_loss, tversky_loss
from darkroom.losses.focal import focal_loss
from darkroom.losses.squared_error import squared_error

LOSSES: dict[str, Callable[..., Tensor]] = {
    "squared_error": squared_error,
    "cross_entropy": cross_entropy,
    "focal": focal_loss,
    "dice": dice_loss,
    "tversky": tversky_loss,
}


def weighted_loss(
    logits: Tensor, targets: Tensor, factors: dict[str, float], label_smoothing: float, weights: Tensor | None = None
) -> Tensor:
    """The sum of the named losses, each times its factor.

    Args:
        logits, targets: as each of the losses takes them.
        factors: by name of the loss.
        weights: class weights, float (classes,).
    """
    return sum(factor * LOSSES[name](logits, targets, label_smoothing, weights) for name, factor in factors.items())
