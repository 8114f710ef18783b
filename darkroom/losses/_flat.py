"""Flattening of logits and targets."""

from torch import Tensor


def flatten(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits as float32 (n, classes) and targets as (n,).

    CUDA's cross-entropy kernel for (b, classes, h, w) sums in no fixed order; the one for flat rows does.

    Args:
        logits: (b, classes) or (b, classes, h, w).
        targets: int64 (b,) or (b, h, w). Class probabilities, float (b, classes), are returned unchanged.
    """
    logits = logits.float().movedim(1, -1).reshape(-1, logits.shape[1])
    return logits, targets if targets.is_floating_point() else targets.flatten()
