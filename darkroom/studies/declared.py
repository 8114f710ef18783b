"""Files of `studies/`, and the experiments that they stand for."""

import json
import re
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import Field

from darkroom.common.errors import UserError
from darkroom.common.files import read_yaml, write_json
from darkroom.common.parameters import Parameters, check, nearest
from darkroom.configuration import configure

FOLDER = Path("studies")
PARAMS = Path("params.yaml")
UNQUOTED = re.compile(r"[\w./@+-]+( [\w./@+=-]+)*", re.ASCII)  # strings that Hydra's grammar takes without quotes
SEED = "seed"  # runs that differ in this key alone share one row of the table
Point = dict[str, Any]  # values by key of params.yaml


class Reported(Parameters):
    """A score that others published."""

    at: Point
    """Values by key of `params.yaml`. The score belongs to all points that have these values."""

    score: float
    """The published score."""


class Scale(Parameters):
    """A set of experiments: each point of `points` is combined with each combination of the values in `grid`."""

    set: Point = {}
    """Values that all experiments share, by key of `params.yaml`. `+KEY` adds a key, `~KEY` deletes one."""

    points: dict[str, Point] = Field(default={"": {}}, min_length=1)
    """Named points. Each has values by key, as `set`."""

    grid: dict[str, list[Any]] = {}
    """Lists of values by key of `params.yaml`. Runs that differ in `seed` alone are averaged."""

    reported: list[Reported] = []
    """Scores that others published, for comparison. A point gets the first one that fits it."""


class Study(Parameters):
    """A file of `studies/`."""

    shows: str
    """One sentence on what the study shows."""

    task: str
    """The task of `params.yaml` that is trained and evaluated."""

    score: str
    """The metric that is compared: a key of `metrics/TASK/test.json`."""

    of_classes: str | None = None
    """A metric of each class, such as `iou`, that the tables list too."""

    scales: dict[str, Scale] = Field(min_length=1)
    """The experiments by scale: `laptop` runs on the sample, `gpu` on published data."""


@dataclass(frozen=True)
class Run:
    """One experiment of a study.

    Attributes:
        name: the experiment's name in DVC.
        label: the point's name and its values in the grid, without the seed.
        point: the values that differ between the runs of the study, by key of params.yaml.
        overrides: all changes of params.yaml, as `dvc exp run -S` takes them.
    """

    name: str
    label: str
    point: Point
    overrides: list[str]

    def command(self, task: str) -> list[str]:
        """Return the command that puts the experiment into DVC's queue."""
        changes = [part for override in self.overrides for part in ("-S", override)]
        return ["dvc", "exp", "run", "--queue", "--name", self.name, *changes, f"evaluate@{task}"]


def read_study(path: Path) -> Study:
    """Return the study in a file of `studies/`.

    Raises:
        UserError: there is no such file, or a value is wrong.
    """
    if not path.exists():
        known = sorted(file.stem for file in FOLDER.glob("*.yaml"))
        raise UserError(f"{path}: no such study; {nearest(path.stem, known)}")
    content = read_yaml(path)
    return check(Study, content if isinstance(content, dict) else {}, "", str(path))


def runs_of_study(name: str, scale: str) -> tuple[Study, list[Run]]:
    """Return the study in `studies/NAME.yaml`, and the runs of one of its scales.

    Raises:
        UserError: there is no such study or scale, or a value is wrong.
    """
    path = FOLDER / f"{name}.yaml"
    study = read_study(path)
    if scale not in study.scales:
        raise UserError(f"--scale {scale}: {name} has {', '.join(study.scales)}")
    return study, runs_of(study.scales[scale], f"{name}-{scale}", path)


def runs_of(scale: Scale, prefix: str, path: Path) -> list[Run]:
    """Return the runs of a scale: point by point, and within a point with the last key of the grid varying fastest.

    Args:
        scale: the scale.
        prefix: how the names of all runs begin.
        path: the file of the study, for messages.

    Raises:
        UserError: a key of the grid has no values, or two points are the same.
    """
    for key, values in scale.grid.items():
        if not values:
            raise UserError(f"{path}: grid.{key} has no values; give some or remove the key")
    runs: list[Run] = []
    for (name, changes), combination in product(scale.points.items(), product(*scale.grid.values())):
        grid_values = dict(zip(scale.grid, combination, strict=True))
        point = changes | grid_values
        if point in [run.point for run in runs]:
            raise UserError(f"{path}: the point {point} is listed twice; keep one")
        overrides = [_override(key, value) for key, value in (scale.set | point).items()]
        runs.append(Run(f"{prefix}-{len(runs) + 1:02}", _label(name, grid_values), point, overrides))
    return runs


def _label(name: str, grid_values: Point) -> str:
    parts = [name] if name else []
    for key, value in grid_values.items():
        if key != SEED:
            short = key.rpartition(".")[2].replace("_", " ")
            parts.append(f"{short} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    return ", ".join(parts) or "as it is"


def _override(key: str, value: object) -> str:
    """Return a change as `dvc exp run -S` takes it."""
    if key.startswith("~"):
        return key
    return f"{key}={value if isinstance(value, str) and UNQUOTED.fullmatch(value) else _in_hydra_grammar(value)}"


def _in_hydra_grammar(value: object) -> str:
    """Return a value as Hydra's grammar has it: JSON, but with the keys of dictionaries unquoted."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_in_hydra_grammar(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_in_hydra_grammar, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def check_runs(runs: list[Run], task: str) -> None:
    """Apply the changes of each run to a copy of params.yaml, and check the copy as the stage `configure` does.

    Raises:
        UserError: `configure` refuses a run, or params.yaml has no such task.
    """
    with tempfile.TemporaryDirectory() as folder:
        for run in runs:
            configure_run(run, task, Path(folder))


def configure_run(run: Run, task: str, folder: Path) -> Path:
    """Apply the changes of a run to a copy of params.yaml, and write the parameters of all stages.

    Args:
        run: the run.
        task: of which there must be parameters.
        folder: where to write. What an earlier call wrote there is overwritten.

    Returns:
        The folder of the parameters: `TASK/STAGE.json` for each task and stage.

    Raises:
        UserError: `configure` refuses the run, or params.yaml has no such task.
    """
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf

    content = read_yaml(PARAMS)
    assert isinstance(content, dict)
    original, changed, config = folder / "original.yaml", folder / PARAMS.name, folder / "config"
    write_json(original, content)  # JSON is YAML, and means the same in the version that Hydra reads
    try:
        with initialize_config_dir(str(folder), version_base=None):
            values = OmegaConf.to_container(compose(original.stem, run.overrides))
        assert isinstance(values, dict)
        write_json(changed, {str(key): value for key, value in values.items()})
        configure(changed, config)
    except HydraException as error:
        raise UserError(f"{run.name}: {', '.join(run.overrides)}: {error}") from None
    except UserError as error:
        raise UserError(f"{run.name}: {error}") from None
    if not (config / task).is_dir():
        raise UserError(f"{run.name}: params.yaml has no task {task!r}")
    return config
