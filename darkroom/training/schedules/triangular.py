"""Linear from the peak to zero, with the warm-up a triangle (Smith, arXiv:1506.01186)."""

from typing import Literal

from darkroom.training.schedules._base import Schedule


class Triangular(Schedule):
    """Linear from the peak to zero, with the warm-up a triangle (Smith, arXiv:1506.01186)."""

    name: Literal["triangular"]

    def factor(self, progress: float, _: float) -> float:
        """Map training progress to a multiple of the peak learning rate."""
        return 1 - progress
