"""Turn Tiny ImageNet's archive into packed arrays: train, validation and test."""

from pathlib import Path

from darkroom.common.errors import run_stage
from darkroom.common.parameters import for_stage
from darkroom.datasets.parameters import SplitParameters
from darkroom.datasets.tiny_imagenet import prepare_tiny_imagenet


def main(task: str) -> None:
    prepare_tiny_imagenet(
        for_stage("prepare", task, SplitParameters),
        f"tasks.{task}",
        Path("data/raw", task),
        Path("data/prepared", task),
        Path("metrics", task, "data.json"),
    )


if __name__ == "__main__":
    run_stage(main)
