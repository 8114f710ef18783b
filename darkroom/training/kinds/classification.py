"""Training on images with one class each."""

import math
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import model_validator
from torch import Tensor

from darkroom.batches.images import ImageBatches
from darkroom.batches.mixes import mixes, mixes_of
from darkroom.batches.normalize import black_images
from darkroom.batches.parameters import ImageAugmentation
from darkroom.datasets.description import Description
from darkroom.models.architecture import Architecture, models_for
from darkroom.training.parameters import MachineParameters, TaskTraining


class ClassificationTraining(TaskTraining):
    """The parameters of the stage `train` for images with one class each."""

    kind: Literal["classification"]
    model: Annotated[Architecture, models_for("classification")]
    """The model, by its name, with its options."""
    augment: ImageAugmentation
    """Augmentation of the training images."""

    def input_size(self, description: Description) -> tuple[int, ...]:
        """Return the size of the images, (height, width) in pixels."""
        return description.size

    def load_batches(
        self, folder: Path, description: Description, device: torch.device, share: slice, _: MachineParameters
    ) -> ImageBatches:
        """Load the training split."""
        train = self.train
        return ImageBatches(
            folder, description, self.augment, train.batch_size, self.seed, device, share, train.sampler
        )

    def example_batch(self, description: Description, count: int) -> tuple[Tensor, Tensor]:
        """Return black images, and class ids or, with Mixup or CutMix, shares of classes."""
        classes = len(description.classes)
        targets = torch.zeros(count, classes) if mixes_of(self.augment) else torch.zeros(count, dtype=torch.int64)
        return black_images(count, description.size), targets

    def data_bytes(self, description: Description) -> int:
        """Return the bytes of the images, of one byte a channel, and of their labels, of 8 bytes."""
        return description.images["train"] * (3 * math.prod(description.size) + 8)

    @model_validator(mode="after")
    def _takes_mixed_classes(self) -> "ClassificationTraining":
        if mixes_of(self.augment):
            off = " and ".join(f"augment.{name}" for name in mixes())
            keys = [f"loss.{name}" for name, loss in self.train.loss.terms.items() if not loss.TAKES_PROBABILITIES]
            for key in [*keys, *(["pretrain_epochs"] if self.train.pretrain_epochs else [])]:
                raise ValueError(f"train.{key} does not work with mixed classes; set {off} to 0")
        return self
