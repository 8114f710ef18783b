"""From params.yaml to what each stage of each task reads, checked and with inherited values filled in.

A stage depends on its own file and not on params.yaml, so that a value changes just the stages that it
reaches: `train.lr` retrains the tasks that inherit it, and none that has its own.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

import stages
from darkroom.common.errors import UserError
from darkroom.common.files import read_yaml, replacing, write_json
from darkroom.common.parameters import Parameters, check, nearest
from darkroom.common.preparation import Preparation
from darkroom.evaluation.parameters import EvaluateParameters
from darkroom.sources.parameters import FetchParameters
from darkroom.training.kinds import training_of
from darkroom.training.parameters import MachineParameters, TaskTraining, TrainParameters

TASK_NAME = "[a-z0-9][a-z0-9_-]*"  # it names folders and stages


class SharedTraining(TrainParameters, MachineParameters):
    """What all tasks inherit: `train` in params.yaml."""


class TopLevel(Parameters):
    """The keys of params.yaml."""

    seed: int = Field(ge=0)
    source: Literal["sample", "published"]
    launcher: str = Field(pattern=r"^(python|torchrun( -\S+( [^-]\S*)?)*)$")  # starts the stage `train`
    train: SharedTraining
    tasks: dict[str, dict] = Field(min_length=1)


def configure(params: Path, folder: Path) -> None:
    """Write `folder/TASK/STAGE.json` for every task in `params`.

    Raises:
        UserError: a value is wrong, missing or unknown; nothing is written then.
    """
    top = check(TopLevel, _read(params), "")
    stages = {name: _stages(top, name, task) for name, task in top.tasks.items()}
    with replacing(folder) as temporary:
        for task, files in stages.items():
            for stage, values in files.items():
                (temporary / task).mkdir(parents=True, exist_ok=True)
                write_json(temporary / task / f"{stage}.json", values.model_dump())


def _stages(top: TopLevel, name: str, task: dict) -> dict[str, Parameters]:
    """The parameters of each stage of one task."""
    where = f"tasks.{name}"
    if not re.fullmatch(TASK_NAME, name):
        raise UserError(f"params.yaml: {where}: a task's name is made of lower-case letters, digits, _ and -")
    preparation = _preparation(task.get("prepare"), where)
    models: dict[str, type[Parameters]] = {
        "fetch": FetchParameters,
        "prepare": preparation.parameters,
        "train": training_of(preparation.kind),
        "machine": MachineParameters,
        "evaluate": EvaluateParameters,
    }
    own_train = task.get("train") or {}
    if not isinstance(own_train, dict):
        raise UserError(f"params.yaml: {where}.train = {own_train!r}: must hold keys and values, or be {{}}")
    train = {**top.train.model_dump(), **own_train}
    if train["bits"] == "auto":
        is_sample = top.source == "sample" and task.get("archive") is None
        train["bits"] = "everywhere" if is_sample else "machine"

    kind, bits = preparation.kind, train["bits"]
    given = {"seed": top.seed, "source": top.source, "kind": kind, "bits": bits}
    own = {key: value for key, value in task.items() if key != "prepare"}
    known = sorted(
        {field for model in models.values() for field in model.model_fields} - {*given, *MachineParameters.model_fields}
    )
    for key in own:
        if key not in known:
            raise UserError(f"params.yaml: unknown key {where}.{key}: {nearest(key, [*known, 'prepare'])}")
    machine = {key: train.pop(key) for key in MachineParameters.model_fields}
    values = {**own, **given, **machine, "train": train}
    stages = {
        stage: check(model, {key: value for key, value in values.items() if key in model.model_fields}, where)
        for stage, model in models.items()
    }
    training = stages["train"]
    assert isinstance(training, TaskTraining)
    training.check_augmentation(where)
    return stages


def _preparation(script: object, where: str) -> Preparation[Any]:
    """Return the constant PREPARATION of the script `stages/SCRIPT.py`."""
    folder = Path(stages.__path__[0])
    scripts = [
        path.stem for path in sorted(folder.glob("*.py")) if "\nPREPARATION = " in path.read_text(encoding="utf-8")
    ]
    if script not in scripts:
        hint = nearest(str(script), scripts)
        raise UserError(f"params.yaml: {where}.prepare = {script!r}: names no script; {hint}")
    preparation: Preparation[Any] = import_module(f"stages.{script}").PREPARATION
    return preparation


def _read(params: Path) -> dict:
    try:
        content = read_yaml(params)
    except FileNotFoundError:
        raise UserError(f"{params}: no such file; run in the project's root") from None
    if not isinstance(content, dict):
        raise UserError(f"{params}: must hold keys and values, such as `seed: 0`")
    return content
