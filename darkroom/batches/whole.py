"""Whole splits in their order, without augmentation, for validation and test."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from darkroom.batches.kinds import reader_of
from darkroom.batches.normalize import normalize
from darkroom.datasets.description import Description


def whole_split(
    folder: Path, description: Description, split: str, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches of a split of the prepared data set in `folder`, on the device.

    Yields:
        Normalized images float (b, 3, h, w) in channels_last, or standardized points float32 (n, features) all at
        once; and targets: class ids int64 (b,), of a segmentation (1, h, w) with `IGNORE_INDEX` where nothing counts,
        of a regression standardized numbers float32 (n, 1).
    """
    for inputs, targets in reader_of(description.kind).read_whole(folder, split, description):
        inputs = inputs.to(device)
        if not inputs.is_floating_point():
            inputs = normalize(inputs, description.mean, description.std)
        yield inputs, targets.to(device)
