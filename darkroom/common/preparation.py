"""What the scripts of the stage `prepare` share: where a task's data lies."""

from collections.abc import Callable
from pathlib import Path

from darkroom.common.errors import run_stage
from darkroom.common.parameters import Parameters, for_stage


def run_preparation(prepare: Callable[..., None], model: type[Parameters]) -> None:
    """Call `prepare` for the task that the command line names.

    Args:
        prepare: takes the parameters, the task's key in params.yaml, the folder of its archives, the
            folder to write, and the path of the report.
        model: the class of its parameters.
    """

    def main(task: str) -> None:
        prepare(
            for_stage("prepare", task, model),
            f"tasks.{task}",
            Path("data/raw", task),
            Path("data/prepared", task),
            Path("metrics", task, "data.json"),
        )

    run_stage(main)
