"""What training on points with classes and training on points with numbers have in common."""

from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor

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

    def example_batch(self, description: Description, count: int) -> tuple[Tensor, Tensor]:
        """Return points at zero and class ids."""
        return torch.zeros(count, *self.input_size(description)), torch.zeros(count, dtype=torch.int64)

    def data_bytes(self, description: Description) -> int:
        """Return the bytes of the points, of 4 bytes a feature, and of their targets, of 8 bytes at most."""
        return description.images["train"] * (4 * len(description.mean) + 8)
