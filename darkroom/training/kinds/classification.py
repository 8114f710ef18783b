"""Training on images with one class each."""

import copy
import math
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import model_validator
from torch import Tensor, nn

from darkroom.batches.images import ImageBatches
from darkroom.batches.mixes import mixes, mixes_of
from darkroom.batches.normalize import black_images
from darkroom.batches.parameters import ImageAugmentation
from darkroom.batches.sizes import scaled_size
from darkroom.common.errors import UserError
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

    def scale_of(self, epoch: int) -> int | None:
        """Return the length of the images' shorter side in an epoch, in pixels; None: they are shown in full."""
        shorter: int | None = self.augment.size_of(epoch)
        return shorter

    def check_model(self, model: nn.Module, description: Description) -> None:
        """Check that the model takes the sizes of the first epochs."""
        height, width = description.size
        for shorter in sorted(set(self.augment.sizes)):
            where = f"params.yaml: augment.sizes: {shorter}"
            if shorter > min(height, width):
                raise UserError(f"{where}: the images have {height}×{width} pixels")
            size = scaled_size(height, width, shorter)
            try:
                self.model.build(len(description.classes), size)
                # The network of the full size, on tensors without values.
                copy.deepcopy(model).to("meta").eval()(torch.empty(1, 3, *size, device="meta"))
            except (UserError, RuntimeError, AssertionError):
                raise UserError(
                    f"{where}: {self.model.name} takes no images of {size[0]}×{size[1]} pixels beside those of "
                    f"{height}×{width}; leave it out, or set another model.name"
                ) from None

    @model_validator(mode="after")
    def _ends_in_full_size(self) -> "ClassificationTraining":
        epochs = self.train.pretrain_epochs + self.train.epochs
        if len(self.augment.sizes) >= epochs:
            raise ValueError(
                f"augment.sizes has {len(self.augment.sizes)} numbers: give at most {epochs - 1}, so that the last of "
                f"{epochs} epochs shows the images in full"
            )
        return self

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
