"""Bring a task's archives into one folder: draw, download or copy them."""

from pathlib import Path

from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.sources.dataset import PublishedFile, load_dataset
from darkroom.sources.download import fetch_file
from darkroom.sources.parameters import FetchParameters


def fetch(parameters: FetchParameters, folder: Path) -> None:
    """Fill `folder` with the task's archives.

    Raises:
        UserError: an archive cannot be fetched or its checksum differs. `folder` stays as it was.
    """
    with replacing(folder) as temporary:
        temporary.mkdir()
        if parameters.archive is not None:
            checksum = f"sha256:{parameters.sha256}" if parameters.sha256 else None
            fetch_file(parameters.archive, temporary, checksum)
            return
        assert parameters.dataset is not None, "the parameters are checked: one of both is given"
        dataset = load_dataset(parameters.dataset)
        if parameters.source == "published" and dataset.files:
            for file in dataset.files:
                _fetch_published(file, temporary)
        else:
            for name, content in dataset.draw_sample().items():
                (temporary / name).write_bytes(content)


def _fetch_published(file: PublishedFile, folder: Path) -> None:
    """Download `file` from the first of its addresses that gives it."""
    *others, last = file.addresses
    for address in others:
        try:
            fetch_file(address, folder, f"md5:{file.md5}")
            return
        except UserError as error:
            print(f"{error}; trying the next mirror", flush=True)
    fetch_file(last, folder, f"md5:{file.md5}")
