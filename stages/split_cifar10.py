"""Turn CIFAR-10's binary archive into packed arrays: train, validation and test."""

from pathlib import Path

from darkroom.common.errors import run_stage
from darkroom.common.parameters import for_stage
from darkroom.datasets.cifar10 import prepare_cifar10
from darkroom.datasets.parameters import SplitParameters


def main(task: str) -> None:
    prepare_cifar10(
        for_stage("prepare", task, SplitParameters),
        f"tasks.{task}",
        Path("data/raw", task),
        Path("data/prepared", task),
        Path("metrics", task, "data.json"),
    )


if __name__ == "__main__":
    run_stage(main)
