"""AdamW (Loshchilov and Hutter, arXiv:1711.05101)."""

from typing import Literal

import torch

from darkroom.training.optimizers._base import Group, OptimizerOptions


class AdamWOptions(OptimizerOptions):
    """AdamW."""

    name: Literal["adamw"]

    def build(self, groups: list[Group], lr: float) -> torch.optim.Optimizer:
        """Return torch.optim.AdamW, fused. The other forms use MKL's square root, which differs between processors."""
        return torch.optim.AdamW(groups, lr=lr, fused=True)
