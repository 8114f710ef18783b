"""Download, copy or draw a task's archives: data/raw/TASK/."""

from pathlib import Path

from darkroom.common.errors import run_stage
from darkroom.common.parameters import read_parameters
from darkroom.sources.fetch import fetch
from darkroom.sources.parameters import FetchParameters


def main(task: str) -> None:
    """Fetch the archives of `task`."""
    fetch(read_parameters("fetch", task, FetchParameters), Path("data/raw", task))


if __name__ == "__main__":
    run_stage(main)
