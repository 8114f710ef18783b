"""Inference: the logits of a trained model, for whole splits, large images and several views of an image."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import tee
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.batches.whole import whole_split
from darkroom.common.progress import progress
from darkroom.datasets.description import Description
from darkroom.device.precision import autocast, supported_precision
from darkroom.models.model_file import Card

ORIGINAL = (False, 0)
VIEWS: dict[str, list[tuple[bool, int]]] = {  # for each view: whether it is mirrored, and its shift in pixels
    "flip": [ORIGINAL, (True, 0)],
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
        """Yield the batches of a split with the outputs of the model, all on the device.

        Yields:
            Inputs and targets as `whole_split` yields them, and outputs as `logits_of` returns them.
        """
        bar = progress(self.description.images[split], f"{split} images")
        for inputs, targets, outputs in self.predict(whole_split(self.data, self.description, split, self.device)):
            yield inputs, targets, outputs
            bar.update(len(inputs))
        bar.close()

    def predict(self, pairs: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield batches with the outputs of the model, as `batches` does.

        Args:
            pairs: inputs and targets, as `whole_split` yields them.
        """
        with torch.inference_mode():
            predicted, yielded = tee(pairs)
            outputs = _predict(self.model, self.card, (images for images, _ in predicted))
            for logits, (images, targets) in zip(outputs, yielded, strict=True):
                yield images, targets, logits


def logits_of(model: nn.Module, card: Card, images: Tensor) -> Tensor:
    """Return the outputs of a model: logits, or the numbers of a regression.

    The logits are divided by the temperature of the model file, so that their softmax is calibrated. It computes in
    the precision of training, or in fp32 where the device would emulate that precision. A segmentation model sees
    images that are larger than its training crops in overlapping windows.

    Args:
        model: the network, in evaluation mode.
        card: of its model file.
        images: normalized, float (b, 3, h, w); or standardized points, float32 (b, features).

    Returns:
        float32: logits (b, classes), in segmentation (b, classes, h, w); in regression, numbers (b, 1).
    """
    return next(_predict(model, card, [images]))


def _predict(model: nn.Module, card: Card, batches: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield the outputs for each batch of images or points, as `logits_of` returns them."""

    def forward(images: Tensor) -> Tensor:
        with autocast(images.device, supported_precision(card.precision, images.device)):
            outputs: Tensor = model(images)
        return outputs.float()

    for outputs in card.architecture.predict(forward, batches, tuple(card.image_size)):
        yield outputs / card.temperature


def mean_over_views(model: nn.Module, card: Card, images: Tensor, logits: Tensor, views: str) -> Tensor:
    """Return the mean logits over several views of each image, float32 (b, classes).

    Args:
        model: the network, in evaluation mode.
        card: of its model file.
        images: normalized, float (b, 3, h, w).
        logits: of `images`, float32 (b, classes).
        views: a key of `VIEWS`.
    """
    others = [logits_of(model, card, _view(images, *view)) for view in VIEWS[views] if view != ORIGINAL]
    return torch.stack([logits, *others]).mean(0)


def _view(images: Tensor, flipped: bool, shift: int) -> Tensor:
    """Return a view of images: shifted right and down by -1 to 1 pixels with a reflected border, then mirrored."""
    if shift:
        height, width = images.shape[2:]
        images = F.pad(images, (1, 1, 1, 1), mode="reflect")[:, :, 1 - shift :, 1 - shift :][:, :, :height, :width]
    images = images.flip(3) if flipped else images
    return images.contiguous(memory_format=torch.channels_last)
