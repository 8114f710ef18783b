"""Training on points with one class each."""

from typing import Literal

from darkroom.training.points import PointTraining


class PointClassTraining(PointTraining):
    """The parameters of the stage `train` for points with one class each."""

    REFUSED = {"pretrain_epochs": 0}

    kind: Literal["points"]
