"""The temperature that makes a model's confidence true, fitted on the validation split."""

import math
from collections.abc import Iterable

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from darkroom.metrics.classes import sample_targets

LOWEST, HIGHEST = 0.05, 20.0  # temperatures
DECIMALS = 4


def fit_temperature(predictions: Iterable[tuple[Tensor, Tensor]]) -> float:
    """Return the temperature by which logits are divided, so that confidence and accuracy agree.

    It minimizes the cross-entropy (Guo et al., arXiv:1706.04599, section 4.2). Half an image is counted as wrong, as
    Krichevsky and Trofimov estimate a probability (1981). Without it, a model that makes no error on the split would
    become infinitely confident.

    Args:
        predictions: logits, float (b, classes, …), and their targets, int64 (b, …).

    Returns:
        The temperature, rounded; 1 if there are no targets.
    """
    sampled = [sample_targets(logits, targets) for logits, targets in predictions]
    logits = torch.cat([rows.cpu().double() for rows, _ in sampled]) if sampled else torch.empty(0, 2)
    if not len(logits):
        return 1.0
    targets = torch.cat([ids.cpu() for _, ids in sampled])
    wrong = 0.5 / (len(targets) + 1)
    shares = torch.full_like(logits, wrong / (logits.shape[1] - 1))
    shares.scatter_(1, targets[:, None], 1 - wrong)

    def cross_entropy(log_temperature: float) -> float:
        return -float((shares * (logits / math.exp(log_temperature)).log_softmax(1)).sum(1).mean())

    found = minimize_scalar(cross_entropy, bounds=(math.log(LOWEST), math.log(HIGHEST)), method="bounded")
    return round(math.exp(found.x), DECIMALS)
