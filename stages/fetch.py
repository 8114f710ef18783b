"""Download, copy, pack or draw a task's archives: data/raw/TASK/."""

from pathlib import Path

from darkroom.common.errors import run_stage
from darkroom.common.parameters import read_parameters
from darkroom.sources.fetch import fetch, own_mirror
from darkroom.sources.parameters import DownloadParameters, FetchParameters


def main(task: str) -> None:
    """Fetch the archives of `task`."""
    mirror = own_mirror(read_parameters("download", task, DownloadParameters))
    fetch(read_parameters("fetch", task, FetchParameters), Path("data/raw", task), mirror)


if __name__ == "__main__":
    run_stage(main)
