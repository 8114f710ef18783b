"""Published data sets. Each is a module of `darkroom.sources.datasets` with a constant `DATASET`.

To add one, write such a module: a task then names it by `dataset: MODULE`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from darkroom.common.named import module_named, names_in
from darkroom.sources import datasets


@dataclass(frozen=True)
class PublishedFile:
    """A file of a data set.

    Attributes:
        addresses: URLs of the same file: the publisher's first, then mirrors.
        md5: the MD5 checksum of the file, 32 hexadecimal digits.
    """

    addresses: tuple[str, ...]
    md5: str


@dataclass(frozen=True)
class Dataset:
    """A data set that tasks can name.

    Attributes:
        files: what `source: published` downloads. Empty: the data set exists only as the drawn sample.
        draw_sample: returns the sample's files by name, in the layout of the published ones. It gives the same bytes
            on every machine.
    """

    files: tuple[PublishedFile, ...]
    draw_sample: Callable[[], dict[str, bytes]]


def dataset_names() -> list[str]:
    """Return the names of all data sets, sorted."""
    return names_in(datasets.__name__)


def load_dataset(name: str) -> Dataset:
    """Return the data set of this name, one of `dataset_names`."""
    dataset: Dataset = module_named(datasets.__name__, name).DATASET
    return dataset
