"""Bringing a task's archives into one folder: drawn, downloaded or copied, checked in any case."""

from collections.abc import Callable
from pathlib import Path

from darkroom.common.files import replacing
from darkroom.sources.download import fetch_file
from darkroom.sources.parameters import FetchParameters
from darkroom.sources.published import PUBLISHED
from darkroom.sources.sample.cifar10 import cifar10_archive
from darkroom.sources.sample.mnist import mnist_files
from darkroom.sources.sample.points import curve_table, spirals_table
from darkroom.sources.sample.scenes import scenes_archive
from darkroom.sources.sample.tiny_imagenet import tiny_imagenet_archive

SAMPLES: dict[str, Callable[[], dict[str, bytes]]] = {  # files by name
    "cifar10": lambda: {"cifar-10-binary.tar.gz": cifar10_archive()},
    "tiny_imagenet": lambda: {"tiny-imagenet-200.zip": tiny_imagenet_archive()},
    "segmentation": lambda: {"scenes.zip": scenes_archive()},
    "mnist": mnist_files,
    "spirals": lambda: {"spirals.csv": spirals_table()},
    "curve": lambda: {"curve.csv": curve_table()},
}


def fetch(parameters: FetchParameters, folder: Path) -> None:
    """Fill `folder` with the task's archives.

    Raises:
        UserError: an archive cannot be had or is not the one that its checksum means; `folder` is
            left as it was.
    """
    with replacing(folder) as temporary:
        temporary.mkdir()
        if parameters.archive is not None:
            fetch_file(parameters.archive, temporary, parameters.sha256 and f"sha256:{parameters.sha256}")
        elif parameters.source == "published" and PUBLISHED[parameters.task]:
            for published in PUBLISHED[parameters.task]:
                fetch_file(published.url, temporary, f"md5:{published.md5}")
        else:
            for name, content in SAMPLES[parameters.task]().items():
                (temporary / name).write_bytes(content)
