"""The Tversky index, of which the Dice coefficient is a special case."""

import torch.nn.functional as F
from torch import Tensor

from darkroom.common.numbers import IGNORE_INDEX
from darkroom.losses._flat import flatten


def overlap_loss(logits: Tensor, targets: Tensor, false_positives: float) -> Tensor:
    """Compute 1 − the Tversky index, averaged over the classes that occur in the targets; 0 where none does.

    Args:
        logits: (b, classes, h, w).
        targets: int64 (b, h, w); pixels of `IGNORE_INDEX` do not count.
        false_positives: their weight; false negatives have the rest to 1. With 0.5 it is the Dice coefficient.
    """
    logits, targets = flatten(logits, targets)
    counted = (targets != IGNORE_INDEX)[:, None]
    predicted = logits.softmax(1) * counted
    truth = F.one_hot(targets.clamp(min=0), logits.shape[1]) * counted
    right, of_truth = (predicted * truth).sum(0), truth.sum(0)
    errors = false_positives * (predicted.sum(0) - right) + (1 - false_positives) * (of_truth - right)
    occurs = of_truth > 0
    index = right / (right + errors).clamp(min=1e-7)
    return ((1 - index) * occurs).sum() / occurs.sum().clamp(min=1)
