"""The base class of all learning rate schedules, and the warm-up."""

from abc import abstractmethod

from darkroom.common.parameters import Parameters


class Schedule(Parameters):
    """The learning rate after the warm-up. A subclass has `name: Literal[NAME]` and its options."""

    @abstractmethod
    def factor(self, progress: float, overall: float) -> float:
        """Map training progress to a multiple of the peak learning rate.

        Args:
            progress: how much of the steps after the warm-up is done, from 0 to 1.
            overall: how much of all steps is done, from 0 to 1.
        """


def learning_rate(schedule: Schedule, peak: float, step: int, steps: int, warmup_steps: int) -> float:
    """Return the learning rate of a step. It rises linearly to `peak` in the warm-up and then follows the schedule.

    Args:
        schedule: for the steps after the warm-up.
        peak: the rate at the end of the warm-up.
        step: from 0 to steps - 1.
        steps: the number of all steps.
        warmup_steps: the number of steps of the warm-up.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * schedule.factor((step - warmup_steps) / max(1, steps - warmup_steps), step / steps)
