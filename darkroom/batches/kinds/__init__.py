"""How the splits of each kind of task are read. Each module here is named after a kind and has what `Reader` lists."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

from torch import Tensor

from darkroom.common.named import module_named
from darkroom.datasets.description import Description


class Reader(Protocol):
    """How the splits of a kind of task are read."""

    def read_whole(self, folder: Path, split: str, description: Description) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of a split in its order: inputs and targets as `whole_split` gives them, on the CPU.

        Images are uint8 (b, h, w, 3); they are normalized on the device. Points are standardized already.
        """


def reader_of(kind: str) -> Reader:
    """Return the reader of a kind of task."""
    return cast(Reader, module_named(__name__, kind))
