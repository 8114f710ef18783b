"""Stochastic gradient descent."""

from typing import Literal

import torch
from pydantic import Field

from darkroom.training.optimizers._base import Group, OptimizerOptions


class SgdOptions(OptimizerOptions):
    """Stochastic gradient descent with Nesterov momentum."""

    name: Literal["sgd"]
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Nesterov momentum. 0: none."""

    def build(self, groups: list[Group], lr: float) -> torch.optim.Optimizer:
        """Return torch.optim.SGD."""
        return torch.optim.SGD(groups, lr=lr, momentum=self.momentum, nesterov=self.momentum > 0)
