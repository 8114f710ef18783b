"""Readers of splits. Each module here is named after a kind of task and implements `Reader`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

from torch import Tensor

from darkroom.common.named import module_named
from darkroom.datasets.description import Description


class Reader(Protocol):
    """Functions that read the splits of a kind of task."""

    def read_whole(self, folder: Path, split: str, description: Description) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of a split in its order, on the CPU.

        Args:
            folder: of the prepared data set.
            split: train, validation or test.
            description: of the data set.

        Yields:
            Inputs and targets. Inputs are images, uint8 (b, h, w, 3), which `whole_split` normalizes on the device, or
            standardized points, float32 (n, features). Targets are those of `whole_split`.
        """


def reader_of(kind: str) -> Reader:
    """Return the reader of a kind of task."""
    return cast(Reader, module_named(__name__, kind))
