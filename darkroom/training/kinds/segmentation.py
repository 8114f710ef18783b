"""Training on images with one class for each pixel."""

from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import model_validator
from torch import Tensor

from darkroom.batches.normalize import black_images
from darkroom.batches.pairs import PairBatches
from darkroom.batches.parameters import PairAugmentation
from darkroom.batches.pipeline import check_pipeline
from darkroom.datasets.description import Description
from darkroom.models.architecture import Architecture, models_for
from darkroom.training.parameters import MachineParameters, TaskTraining


class SegmentationTraining(TaskTraining):
    """The parameters of the stage `train` for images with one class for each pixel."""

    REFUSED = {"pretrain_epochs": 0}
    CLASS_WEIGHTS = ("none", "balanced", "median_frequency")

    kind: Literal["segmentation"]
    model: Annotated[Architecture, models_for("segmentation")]
    """The model, by its name, with its options."""
    augment: PairAugmentation
    """Augmentation of the training images and their masks."""

    def input_size(self, _: Description) -> tuple[int, ...]:
        """Return the size of the crops, (height, width) in pixels."""
        return (self.augment.crop, self.augment.crop)

    def load_batches(
        self, folder: Path, description: Description, device: torch.device, share: slice, machine: MachineParameters
    ) -> PairBatches:
        """Load the training split."""
        train = self.train
        return PairBatches(
            folder, description, self.augment, train.batch_size, self.seed, device, machine.count_workers(device),
            share, train.sampler,
        )  # fmt: skip

    def example_batch(self, _: Description, count: int) -> tuple[Tensor, Tensor]:
        """Return black crops and masks of background."""
        size = (self.augment.crop, self.augment.crop)
        return black_images(count, size), torch.zeros(count, *size, dtype=torch.int64)

    def check_augmentation(self, where: str) -> None:
        """Run each transform once, as `check_pipeline` does."""
        check_pipeline(self.augment, f"{where}.augment")

    @model_validator(mode="after")
    def _crop_fits_the_encoder(self) -> "SegmentationTraining":
        multiple = self.model.crop_multiple()
        if self.augment.crop % multiple:
            raise ValueError(
                f"augment.crop = {self.augment.crop}: must be a multiple of {multiple}, since the encoder halves it"
            )
        return self
