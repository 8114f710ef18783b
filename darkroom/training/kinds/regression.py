"""Training on points with one number each."""

from typing import Literal

from darkroom.training.points import PointTraining


class RegressionTraining(PointTraining):
    """The parameters of the stage `train` for points with one number each."""

    REFUSED = {"pretrain_epochs": 0, "class_weights": "none", "sampler": "plain"}

    kind: Literal["regression"]
