"""Turn an archive of image folders, one a class, into packed arrays: train, validation and test."""

from pathlib import Path

from darkroom.common.errors import run_stage
from darkroom.common.parameters import for_stage
from darkroom.datasets.image_folder import prepare_image_folder
from darkroom.datasets.parameters import FolderParameters


def main(task: str) -> None:
    prepare_image_folder(
        for_stage("prepare", task, FolderParameters),
        f"tasks.{task}",
        Path("data/raw", task),
        Path("data/prepared", task),
        Path("metrics", task, "data.json"),
    )


if __name__ == "__main__":
    run_stage(main)
