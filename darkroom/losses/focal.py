"""Focal loss (Lin et al., arXiv:1708.02002)."""

import torch.nn.functional as F
from torch import Tensor

from darkroom.common.numbers import IGNORE_INDEX
from darkroom.losses.flat import flatten

GAMMA = 2.0


def focal_loss(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy weighted by (1 - p)², where p is the probability of the target class.

    Args:
        logits: (b, classes) or (b, classes, h, w).
        targets: int64 (b,) or (b, h, w).
        label_smoothing: not used; easy targets hardly count anyway.
        weights: α of the paper, by class, float (classes,).
    """
    logits, targets = flatten(logits, targets)
    log_probability = -F.cross_entropy(logits, targets, ignore_index=IGNORE_INDEX, reduction="none")
    losses = (1 - log_probability.exp()) ** GAMMA * -log_probability
    counted = (targets != IGNORE_INDEX).float()
    if weights is not None:
        counted = counted * weights[targets.clamp(min=0)]
    return (losses * counted).sum() / counted.sum().clamp(min=1e-6)
