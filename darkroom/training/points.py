"""What training on points with classes and training on points with numbers have in common."""

from pathlib import Path
from typing import Annotated

import torch

from darkroom.batches.points import PointBatches
from darkroom.datasets.description import Description
from darkroom.models.architecture import Architecture, models_for
from darkroom.training.parameters import MachineParameters, TaskTraining


class PointTraining(TaskTraining):
    """The parameters of the stage `train` for points."""

    model: Annotated[Architecture, models_for("points")]
    """The model, by its name, with its options."""

    def input_size(self, description: Description) -> tuple[int, ...]:
        """Return the number of features."""
        return (len(description.mean),)

    def load_batches(
        self, folder: Path, description: Description, device: torch.device, share: slice, _: MachineParameters
    ) -> PointBatches:
        """Load the training split."""
        return PointBatches(folder, description, self.train.batch_size, self.seed, device, share, self.train.sampler)
