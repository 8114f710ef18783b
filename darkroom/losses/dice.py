"""Losses of overlap: Dice (arXiv:1606.04797) and Tversky (arXiv:1706.05721)."""

import torch.nn.functional as F
from torch import Tensor

from darkroom.common.numbers import IGNORE_INDEX
from darkroom.losses.flat import flatten

TVERSKY_FALSE_POSITIVES = 0.3  # their weight; false negatives have 0.7


def dice_loss(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """1 - the Dice coefficient of the batch, averaged over the classes that occur in its targets.

    Args:
        logits: (b, classes, h, w).
        targets: int64 (b, h, w); pixels of `IGNORE_INDEX` do not count.
        label_smoothing, weights: not used; the coefficient balances classes by itself.
    """
    return _overlap_loss(logits, targets, false_positives=0.5)


def tversky_loss(
    logits: Tensor, targets: Tensor, label_smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """1 - the Tversky index: as `dice_loss`, but a missed pixel costs more than a false one."""
    return _overlap_loss(logits, targets, TVERSKY_FALSE_POSITIVES)


def _overlap_loss(logits: Tensor, targets: Tensor, false_positives: float) -> Tensor:
    """1 - the Tversky index, averaged over the classes that occur in the targets; 0 where none does.

    Args:
        false_positives: weight of false positives; false negatives have the rest to 1.
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
