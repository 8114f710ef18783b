"""Check params.yaml and write the parameters of each task's stages: data/config/TASK/STAGE.json."""

from pathlib import Path

from darkroom.common.errors import run_stage
from darkroom.common.parameters import CONFIG
from darkroom.configuration import configure


def main() -> None:
    """Check params.yaml and write the files."""
    configure(Path("params.yaml"), CONFIG)


if __name__ == "__main__":
    run_stage(main)
