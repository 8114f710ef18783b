"""Cross-entropy."""

import torch.nn.functional as F
from torch import Tensor

from darkroom.common.numbers import IGNORE_INDEX
from darkroom.losses._base import Loss
from darkroom.losses._flat import flatten


class CrossEntropy(Loss):
    """Cross-entropy, with `train.label_smoothing` and `train.class_weights`."""

    KINDS = ("classification", "segmentation", "points")
    TAKES_PROBABILITIES = True

    def compute(self, outputs: Tensor, targets: Tensor, label_smoothing: float, class_weights: Tensor | None) -> Tensor:
        """Compute the loss as `cross_entropy` does."""
        return cross_entropy(outputs, targets, label_smoothing, class_weights)


def cross_entropy(
    logits: Tensor, targets: Tensor, label_smoothing: float = 0.0, class_weights: Tensor | None = None
) -> Tensor:
    """Compute the mean cross-entropy, a float32 scalar. Targets of `IGNORE_INDEX` do not count.

    Args:
        logits: (b, classes) or (b, classes, h, w).
        targets: int64 (b,) or (b, h, w), or class probabilities, float (b, classes).
        label_smoothing: share of each target that is spread over all classes, from 0 to 1.
        class_weights: float (classes,): the result is the weighted mean. None: all classes weigh the same.
    """
    logits, targets = flatten(logits, targets)
    return F.cross_entropy(logits, targets, class_weights, ignore_index=IGNORE_INDEX, label_smoothing=label_smoothing)
