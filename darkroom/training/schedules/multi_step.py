"""A learning rate that falls in steps."""

from typing import Annotated, Literal

from pydantic import Field

from darkroom.training.schedules._base import Schedule


class MultiStep(Schedule):
    """The peak learning rate, multiplied by `gamma` at each milestone."""

    name: Literal["multi_step"]
    milestones: list[Annotated[float, Field(gt=0, lt=1)]] = [0.5, 0.75]
    """When the learning rate falls, as shares of the whole training."""
    gamma: float = Field(default=0.1, gt=0, lt=1)
    """The factor at each milestone."""

    def factor(self, _: float, overall: float) -> float:
        """Map training progress to a multiple of the peak learning rate."""
        return self.gamma ** sum(overall >= milestone for milestone in self.milestones)
