"""What a script of the stage `prepare` declares, and how it runs.

A script is a module of `stages` with a constant `PREPARATION`. Tasks name it by `prepare: MODULE`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from darkroom.common.errors import run_stage
from darkroom.common.parameters import Parameters, read_parameters

P = TypeVar("P", bound=Parameters)


@dataclass(frozen=True)
class Preparation(Generic[P]):
    """How a script prepares data.

    Attributes:
        prepare: writes the prepared data set. It takes the parameters, the task's key in params.yaml for messages, the
            folder of the archives, and the folder to write.
        parameters: the class of its parameters.
        kind: the kind of task that the data set is for.
    """

    prepare: Callable[[P, str, Path, Path], None]
    parameters: type[P]
    kind: str


def run_preparation(preparation: Preparation[P]) -> None:
    """Run a script of the stage `prepare` for the task that the command line names."""

    def main(task: str) -> None:
        preparation.prepare(
            read_parameters("prepare", task, preparation.parameters),
            f"tasks.{task}",
            Path("data/raw", task),
            Path("data/prepared", task),
        )

    run_stage(main)
