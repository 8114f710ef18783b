"""Half a cosine from the peak to zero (Loshchilov and Hutter, arXiv:1608.03983)."""

import math
from typing import Literal

from darkroom.training.schedules._base import Schedule


class Cosine(Schedule):
    """Half a cosine from the peak to zero (Loshchilov and Hutter, arXiv:1608.03983)."""

    name: Literal["cosine"]

    def factor(self, progress: float, _: float) -> float:
        """Map training progress to a multiple of the peak learning rate."""
        return round(0.5 * (1 + math.cos(math.pi * progress)), 12)  # C libraries differ in the last digit
