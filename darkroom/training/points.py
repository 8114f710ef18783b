"""Training on points, with classes or with numbers."""

from pathlib import Path

import torch

from darkroom.batches.points import PointBatches
from darkroom.datasets.description import Description
from darkroom.models.parameters import PointModelParameters
from darkroom.training.parameters import MachineParameters, TaskTraining


class PointTraining(TaskTraining):
    """All that the stage `train` reads for points."""

    model: PointModelParameters
    """The model, by its name, with its options."""

    def input_size(self, description: Description) -> tuple[int, ...]:
        """Return the number of features."""
        return (len(description.mean),)

    def load_batches(
        self, folder: Path, description: Description, device: torch.device, share: slice, _: MachineParameters
    ) -> PointBatches:
        """Load the training split."""
        return PointBatches(folder, description, self.train.batch_size, self.seed, device, share, self.train.sampler)
