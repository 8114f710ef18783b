"""The Tversky index, of which the Dice coefficient is a special case."""

import torch
from torch import Tensor

from darkroom.common.numbers import IGNORE_INDEX
from darkroom.losses._flat import flatten


def overlap_loss(logits: Tensor, targets: Tensor, false_positives: float) -> Tensor:
    """Compute 1 − the Tversky index of a batch, averaged over the classes that occur in its targets.

    Args:
        logits: (b, classes, h, w).
        targets: int64 (b, h, w). Pixels of `IGNORE_INDEX` do not count.
        false_positives: weight of false positives. False negatives weigh 1 minus this. 0.5 gives the Dice coefficient.

    Returns:
        A float32 scalar; 0 if no pixel counts.
    """
    logits, targets = flatten(logits, targets)
    counted = (targets != IGNORE_INDEX)[:, None]
    predicted = logits.softmax(1) * counted
    truth = targets[:, None] == torch.arange(logits.shape[1], device=logits.device)
    correct, true_pixels = (predicted * truth).sum(0), truth.sum(0)
    errors = false_positives * (predicted.sum(0) - correct) + (1 - false_positives) * (true_pixels - correct)
    occurs = true_pixels > 0
    index = correct / (correct + errors).clamp(min=1e-7)
    return ((1 - index) * occurs).sum() / occurs.sum().clamp(min=1)
