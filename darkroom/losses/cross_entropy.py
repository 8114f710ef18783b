"""Cross-entropy."""

import torch.nn.functional as F
from torch import Tensor

from darkroom.common.numbers import IGNORE_INDEX
from darkroom.losses.flat import flatten


def cross_entropy(
    logits: Tensor, targets: Tensor, label_smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Mean cross-entropy in float32 over all targets other than `IGNORE_INDEX`.

    Args:
        logits: (b, classes) or (b, classes, h, w).
        targets: int64 (b,) or (b, h, w), or class probabilities, float (b, classes).
        weights: class weights of the mean, float (classes,).
    """
    logits, targets = flatten(logits, targets)
    return F.cross_entropy(logits, targets, weights, ignore_index=IGNORE_INDEX, label_smoothing=label_smoothing)
