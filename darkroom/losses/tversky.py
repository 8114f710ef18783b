"""Tversky loss (Salehi et al., arXiv:1706.05721)."""

from pydantic import Field
from torch import Tensor

from darkroom.losses._base import Loss
from darkroom.losses._overlap import overlap_loss


class Tversky(Loss):
    """1 − the Tversky index: like Dice, but a missed pixel costs more than a false one."""

    KINDS = ("segmentation",)

    false_positives: float = Field(default=0.3, gt=0, lt=1)
    """Weight α of false positives. False negatives weigh 1 − α."""

    def compute(self, outputs: Tensor, targets: Tensor, _: float, _class_weights: Tensor | None) -> Tensor:
        """Compute the loss as `tversky_loss` does. Label smoothing and class weights are not used."""
        return tversky_loss(outputs, targets, self.false_positives)


def tversky_loss(logits: Tensor, targets: Tensor, false_positives: float = 0.3) -> Tensor:
    """Compute 1 − the Tversky index of the batch, averaged over the classes that occur in its targets.

    Args:
        logits: (b, classes, h, w).
        targets: int64 (b, h, w). Pixels of `IGNORE_INDEX` do not count.
        false_positives: weight α of false positives. False negatives weigh 1 − α.
    """
    return overlap_loss(logits, targets, false_positives)
