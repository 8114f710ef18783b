"""Whole splits in their order, as they are, for validation and test."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.batches.normalize import normalize, standardize, standardized_targets, targets_of
from darkroom.datasets.description import Description
from darkroom.datasets.packed import read_split
from darkroom.datasets.pairs import IGNORED, image_paths, mask_path, read_image, read_mask
from darkroom.datasets.points import read_points

BATCH = 500  # images of a packed data set
SIZE_MULTIPLE = 32  # of what encoders with five halvings take


def whole_split(
    folder: Path, description: Description, split: str, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of a split of the prepared data set in `folder`.

    Yields:
        Images float (b, 3, h, w) in channels_last, and targets int64: of a classification (b,), of a
        segmentation (1, h, w), -100 where nothing counts. Pairs come one at a time, sorted by name
        and padded at the right and below. Points float (n, features) come all at once, with targets
        int64 (n,) or, of a regression, standardized float32 (n, 1).
    """
    read = READERS[description.kind]
    for inputs, targets in read(folder, split, description):
        inputs = inputs.to(device)
        if not inputs.is_floating_point():
            inputs = normalize(inputs, description.mean, description.std)
        yield inputs, targets.to(device)


def _packed(folder: Path, split: str, _: Description) -> Iterator[tuple[Tensor, Tensor]]:
    images, labels = read_split(folder, split)
    for start in range(0, len(labels), BATCH):
        yield torch.tensor(images[start : start + BATCH]), torch.from_numpy(labels[start : start + BATCH])


def _pairs(folder: Path, split: str, _: Description) -> Iterator[tuple[Tensor, Tensor]]:
    for path in image_paths(folder, split):
        mask = read_mask(mask_path(folder, split, path.stem))[..., None]
        yield padded(read_image(path))[None], targets_of(padded(mask, IGNORED)[None, ..., 0])


def _points(folder: Path, split: str, description: Description) -> Iterator[tuple[Tensor, Tensor]]:
    points, targets = (torch.from_numpy(array) for array in read_points(folder, split))
    if len(points):
        yield standardize(points, description.mean, description.std), standardized_targets(targets, description)


# Of each kind what reads a split: images as uint8, points standardized.
READERS = {"classification": _packed, "segmentation": _pairs, "points": _points, "regression": _points}


def padded(pixels: np.ndarray, value: int = 0) -> Tensor:
    """`pixels`, uint8 (h, w, c), with `value` at the right and below up to the next multiples of 32."""
    bottom, right = ((-side) % SIZE_MULTIPLE for side in pixels.shape[:2])
    return F.pad(torch.tensor(pixels), (0, 0, 0, right, 0, bottom), value=value)
