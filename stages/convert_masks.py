"""Turn annotated images into pairs of image and single-channel mask: train, validation and test."""

from pathlib import Path

from darkroom.annotations.convert import convert_annotations
from darkroom.annotations.parameters import MaskParameters
from darkroom.common.errors import run_stage
from darkroom.common.parameters import for_stage


def main(task: str) -> None:
    convert_annotations(
        for_stage("prepare", task, MaskParameters),
        f"tasks.{task}",
        Path("data/raw", task),
        Path("data/prepared", task),
        Path("metrics", task, "data.json"),
    )


if __name__ == "__main__":
    run_stage(main)
