"""The learning rate at each step, as a share of its peak."""

import math
from collections.abc import Callable

from darkroom.training.parameters import TrainParameters


def learning_rate(hyper: TrainParameters, step: int, steps: int, steps_an_epoch: int) -> float:
    """Linear from near zero to `hyper.lr` over the warm-up, then down as `hyper.schedule` says.

    Args:
        step: from 0 to steps - 1.
    """
    warmup = round(hyper.warmup_epochs * steps_an_epoch)
    if step < warmup:
        return hyper.lr * (step + 1) / warmup
    return hyper.lr * SCHEDULES[hyper.schedule]((step - warmup) / max(1, steps - warmup), step / steps, hyper)


def _multi_step(_: float, of_all: float, hyper: TrainParameters) -> float:
    return hyper.gamma ** sum(of_all >= milestone for milestone in hyper.milestones)


# Of each the share of the peak, from how much of the time after the warm-up and of all time has gone.
SCHEDULES: dict[str, Callable[[float, float, TrainParameters], float]] = {
    # arXiv:1608.03983; rounded, since C libraries differ in a cosine's last digit.
    "cosine": lambda gone, _, hyper: round(0.5 * (1 + math.cos(math.pi * gone)), 12),
    "triangular": lambda gone, _, hyper: 1 - gone,  # with its warm-up, arXiv:1506.01186
    "multi_step": _multi_step,
    "constant": lambda gone, _, hyper: 1.0,
}
