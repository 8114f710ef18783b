"""What a file of `studies/` declares, and the experiments that it stands for."""

import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import Field

from darkroom.common.errors import UserError
from darkroom.common.files import read_yaml
from darkroom.common.parameters import Parameters, check, nearest
from darkroom.configuration import configure

FOLDER = Path("studies")
PARAMS = Path("params.yaml")
SIMPLE = re.compile(r"[\w./@+-]+( [\w./@+=-]+)*")  # a text that Hydra's grammar takes as it is
SEED = "seed"  # runs that differ in it alone are one row of the table
Point = dict[str, Any]  # values by key of params.yaml


class Reported(Parameters):
    """A figure that others published for the points that have the values of `at`."""

    at: Point
    score: float


class Scale(Parameters):
    """The experiments of a study: every point of `points` with every point of `grid`, and `set` for all of them."""

    set: Point = {}
    points: dict[str, Point] = Field(default={"": {}}, min_length=1)  # by what they are called
    grid: dict[str, list] = {}
    reported: list[Reported] = []


class Study(Parameters):
    """A file of `studies/`."""

    shows: str
    task: str
    score: str  # of metrics/TASK/test.json
    of_classes: str | None = None  # a figure that each class there has, such as `iou`, and the tables then too
    scales: dict[str, Scale] = Field(min_length=1)


@dataclass(frozen=True)
class Run:
    """One experiment: its name in DVC, its point's, what differs between the runs of its study, and all it sets."""

    name: str
    label: str
    point: Point
    overrides: list[str]

    def command(self, task: str) -> list[str]:
        changes = [part for override in self.overrides for part in ("-S", override)]
        return ["dvc", "exp", "run", "--queue", "--name", self.name, *changes, f"evaluate@{task}"]


def read_study(path: Path) -> Study:
    """The study in `path`.

    Raises:
        UserError: there is none, or it is not one.
    """
    if not path.exists():
        known = sorted(file.stem for file in FOLDER.glob("*.yaml"))
        raise UserError(f"{path}: no such study; {nearest(path.stem, known)}")
    content = read_yaml(path)
    return check(Study, content if isinstance(content, dict) else {}, "", str(path))


def runs_of(scale: Scale, prefix: str, path: Path) -> list[Run]:
    """The runs of a scale, in the order of their points, the grid's last key fastest.

    Raises:
        UserError: an empty grid, or a point that is there twice.
    """
    for key, values in scale.grid.items():
        if not values:
            raise UserError(f"{path}: grid.{key} has no values; give some or take the key away")
    runs: list[Run] = []
    for (name, changes), values in product(scale.points.items(), product(*scale.grid.values())):
        place = dict(zip(scale.grid, values, strict=True))
        point = changes | place
        if point in [run.point for run in runs]:
            raise UserError(f"{path}: the point {point} is there twice; keep one")
        overrides = [_override(key, value) for key, value in (scale.set | point).items()]
        runs.append(Run(f"{prefix}-{len(runs) + 1:02}", _label(name, place), point, overrides))
    return runs


def _label(name: str, place: Point) -> str:
    """What a point is called, and where it is in the grid, but for the seed."""
    parts = [name] if name else []
    for key, value in place.items():
        if key != SEED:
            short = key.rpartition(".")[2].replace("_", " ")
            parts.append(f"{short} {value if isinstance(value, str) else json.dumps(value)}")
    return ", ".join(parts) or "as it is"


def _override(key: str, value: object) -> str:
    """A change in the notation of `dvc exp run -S`."""
    if key.startswith("~"):
        return key
    return f"{key}={value if isinstance(value, str) and SIMPLE.fullmatch(value) else json.dumps(value)}"


def check_runs(runs: list[Run], task: str) -> None:
    """Apply every run's changes to a copy of params.yaml and check what comes out, as the stage `configure` will.

    Raises:
        UserError: a run that `configure` would refuse, or of a task that is not there.
    """
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides

    with tempfile.TemporaryDirectory() as folder:
        for run in runs:
            copy = Path(folder, PARAMS.name)
            shutil.copy(PARAMS, copy)
            try:
                apply_overrides(copy, run.overrides)
                configure(copy, Path(folder, "config"))
            except DvcException as error:
                raise UserError(f"{run.name}: {', '.join(run.overrides)}: {error.__cause__ or error}") from None
            except UserError as error:
                raise UserError(f"{run.name}: {error}") from None
            if not Path(folder, "config", task).is_dir():
                raise UserError(f"{run.name}: params.yaml has no task {task!r}")
