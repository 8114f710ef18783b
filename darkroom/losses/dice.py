"""Dice loss (Milletari et al., arXiv:1606.04797)."""

from torch import Tensor

from darkroom.losses._base import Loss
from darkroom.losses._overlap import overlap_loss


class Dice(Loss):
    """1 − the Dice coefficient. All classes weigh the same, however many pixels they have."""

    KINDS = ("segmentation",)

    def compute(self, outputs: Tensor, targets: Tensor, _: float, _class_weights: Tensor | None) -> Tensor:
        """Compute the loss as `dice_loss` does. Label smoothing and class weights are not used."""
        return dice_loss(outputs, targets)


def dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Compute 1 − the Dice coefficient of the batch, averaged over the classes that occur in its targets.

    Args:
        logits: (b, classes, h, w).
        targets: int64 (b, h, w). Pixels of `IGNORE_INDEX` do not count.
    """
    return overlap_loss(logits, targets, false_positives=0.5)
