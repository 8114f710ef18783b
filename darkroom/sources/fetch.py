"""Bringing a task's archives into one folder: drawn, downloaded or copied, checked in any case."""

from pathlib import Path

from darkroom.common.files import replacing
from darkroom.sources.download import fetch_file
from darkroom.sources.parameters import FetchParameters
from darkroom.sources.published import PUBLISHED
from darkroom.sources.sample.cifar10 import cifar10_archive
from darkroom.sources.sample.scenes import scenes_archive
from darkroom.sources.sample.tiny_imagenet import tiny_imagenet_archive

SAMPLES = {
    "cifar10": ("cifar-10-binary.tar.gz", cifar10_archive),
    "tiny_imagenet": ("tiny-imagenet-200.zip", tiny_imagenet_archive),
    "segmentation": ("scenes.zip", scenes_archive),
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
        elif parameters.source == "published":
            for published in PUBLISHED[parameters.task]:
                fetch_file(published.url, temporary, f"md5:{published.md5}")
        else:
            name, render = SAMPLES[parameters.task]
            (temporary / name).write_bytes(render())
