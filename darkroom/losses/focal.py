"""Focal loss (Lin et al., arXiv:1708.02002)."""

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from darkroom.common.numbers import IGNORE_INDEX
from darkroom.losses._base import Loss
from darkroom.losses._flat import flatten


class Focal(Loss):
    """Focal loss, with `train.class_weights` as the paper's α."""

    KINDS = ("classification", "segmentation", "points")

    gamma: float = Field(default=2.0, ge=0)
    """Exponent γ of the paper. The higher, the less easy targets count."""

    def compute(self, outputs: Tensor, targets: Tensor, _: float, class_weights: Tensor | None) -> Tensor:
        """Compute the loss as `focal_loss` does. Label smoothing is not used: easy targets hardly count anyway."""
        return focal_loss(outputs, targets, self.gamma, class_weights)


def focal_loss(logits: Tensor, targets: Tensor, gamma: float = 2.0, class_weights: Tensor | None = None) -> Tensor:
    """Compute the mean cross-entropy weighted by (1 − p)^gamma, where p is the probability of the target class.

    Args:
        logits: (b, classes) or (b, classes, h, w).
        targets: int64 (b,) or (b, h, w). Pixels of `IGNORE_INDEX` do not count.
        gamma: γ of the paper.
        class_weights: α of the paper, float (classes,).
    """
    logits, targets = flatten(logits, targets)
    log_probability = -F.cross_entropy(logits, targets, ignore_index=IGNORE_INDEX, reduction="none")
    losses = (1 - log_probability.exp()) ** gamma * -log_probability
    weights = (targets != IGNORE_INDEX).float()
    if class_weights is not None:
        weights = weights * class_weights[targets.clamp(min=0)]
    return (losses * weights).sum() / weights.sum().clamp(min=1e-6)
