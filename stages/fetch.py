"""Bring a task's archives to data/raw/TASK."""

from pathlib import Path

from darkroom.common.errors import run_stage
from darkroom.common.parameters import for_stage
from darkroom.sources.fetch import fetch
from darkroom.sources.parameters import FetchParameters


def main(task: str) -> None:
    fetch(for_stage("fetch", task, FetchParameters), Path("data/raw", task))


if __name__ == "__main__":
    run_stage(main)
