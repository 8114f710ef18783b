"""Training on points with one number each."""

from typing import Literal

import torch
from torch import Tensor

from darkroom.datasets.description import Description
from darkroom.training.points import PointTraining


class RegressionTraining(PointTraining):
    """The parameters of the stage `train` for points with one number each."""

    REFUSED = {"pretrain_epochs": 0, "class_weights": "none", "sampler": "plain"}

    kind: Literal["regression"]

    def example_batch(self, description: Description, count: int) -> tuple[Tensor, Tensor]:
        """Return points at zero and numbers."""
        points, _ = super().example_batch(description, count)
        return points, torch.zeros(count, 1)
