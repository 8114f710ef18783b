"""The peak learning rate to the end."""

from typing import Literal

from darkroom.training.schedules._base import Schedule


class Constant(Schedule):
    """The peak learning rate to the end."""

    name: Literal["constant"]

    def factor(self, _: float, _overall: float) -> float:
        """Map training progress to a multiple of the peak learning rate."""
        return 1.0
