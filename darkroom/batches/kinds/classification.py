"""Reading of images of one size with one class each."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from darkroom.datasets.description import Description
from darkroom.datasets.packed import read_split

BATCH = 500  # images


def read_whole(folder: Path, split: str, _: Description) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images, uint8 (b, h, w, 3), and class ids, int64 (b,)."""
    images, labels = read_split(folder, split)
    for start in range(0, len(labels), BATCH):
        yield torch.tensor(images[start : start + BATCH]), torch.from_numpy(labels[start : start + BATCH])
