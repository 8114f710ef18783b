"""The learning rate at each step."""

import math


def learning_rate(step: int, steps: int, warmup_steps: int, peak: float) -> float:
    """Linear from near zero to `peak` over the warm-up, then half a cosine down to zero (arXiv:1608.03983).

    Args:
        step: from 0 to steps - 1.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / max(1, steps - warmup_steps)))
