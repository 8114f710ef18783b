"""Batches of whole splits in their order, without augmentation, for validation and test."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from darkroom.batches.kinds import reader_of
from darkroom.batches.normalize import normalize
from darkroom.batches.prefetch import prefetch
from darkroom.datasets.description import Description


def whole_split(
    folder: Path, description: Description, split: str, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches of a split, on the device.

    Args:
        folder: of the prepared data set.
        description: of the data set.
        split: train, validation or test.
        device: where the batches are put.

    Yields:
        Inputs and targets. Inputs are normalized images, float (b, 3, h, w) in channels_last, or standardized points,
        float32 (n, features). Targets are class ids, int64 (b,); in segmentation, int64 (1, h, w), in which
        `IGNORE_INDEX` marks ignored pixels; in regression, standardized numbers, float32 (n, 1).
    """
    for inputs, targets in prefetch(reader_of(description.kind).read_whole(folder, split, description), device):
        if not inputs.is_floating_point():
            inputs = normalize(inputs, description.mean, description.std)
        yield inputs, targets
