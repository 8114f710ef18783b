"""What a trained model says of images: whole, by windows, or as the mean over several views."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.batches.whole import whole_split
from darkroom.common.progress import progress
from darkroom.datasets.description import Description
from darkroom.device.precision import autocast, in_hardware
from darkroom.models.model_file import Card

AS_IT_IS = (False, 0)
VIEWS: dict[str, list[tuple[bool, int]]] = {  # mirrored or not, and by how many pixels it is shifted
    "flip": [AS_IT_IS, (True, 0)],
    "flip_shift": [(flipped, shift) for flipped in (False, True) for shift in (-1, 0, 1)],
}


@dataclass(frozen=True)
class TrainedModel:
    """A trained model and the prepared data set on which it is evaluated."""

    model: nn.Module
    card: Card
    data: Path
    description: Description
    device: torch.device

    def batches(self, split: str = "test") -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Normalized images of a split, their targets, and the model's logits, float32, all on the device."""
        bar = progress(self.description.images[split], f"{split} images")
        with torch.inference_mode():
            for images, targets in whole_split(self.data, self.description, split, self.device):
                yield images, targets, logits_of(self.model, self.card, images)
                bar.update(len(images))
        bar.close()


def logits_of(model: nn.Module, card: Card, images: Tensor) -> Tensor:
    """Logits float32 of normalized images (b, 3, h, w): (b, classes), or of a segmentation (b, classes, h, w).

    Of points (b, features) they are (b, classes), or of a regression its numbers (b, 1).

    They are computed in the precision of the training where the device has it, so that a GPU's model serves a laptop.
    What a segmentation gives for images larger than the crops that it was trained on is put together from windows.
    """
    with autocast(images.device, in_hardware(card.precision, images.device)):
        return card.architecture.predict(model, images, tuple(card.image_size)).float()


def mean_over_views(model: nn.Module, card: Card, images: Tensor, logits: Tensor, views: str) -> Tensor:
    """The mean logits float32 (b, classes) over the `VIEWS` of images (b, 3, h, w), whose own are `logits`."""
    others = [logits_of(model, card, _view(images, *view)) for view in VIEWS[views] if view != AS_IT_IS]
    return torch.stack([logits, *others]).mean(0)


def _view(images: Tensor, flipped: bool, shift: int) -> Tensor:
    """Shifted right and down by pixels, -1 to 1, the border reflected into what comes free; then mirrored."""
    if shift:
        height, width = images.shape[2:]
        images = F.pad(images, (1, 1, 1, 1), mode="reflect")[:, :, 1 - shift :, 1 - shift :][:, :, :height, :width]
    images = images.flip(3) if flipped else images
    return images.contiguous(memory_format=torch.channels_last)
