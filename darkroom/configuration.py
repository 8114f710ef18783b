"""The stage `configure`: check params.yaml and write the parameters that each stage of each task reads.

A stage depends on its own file and not on params.yaml, so a changed value reruns only the stages that it affects.
`train.lr` retrains the tasks that inherit it, and none that has its own.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

import stages
from darkroom.audit.parameters import AuditParameters
from darkroom.common.errors import UserError
from darkroom.common.files import in_order, read_yaml, replacing, write_json
from darkroom.common.parameters import Parameters, check, nearest
from darkroom.common.preparation import Preparation
from darkroom.device.parameters import DeviceParameters
from darkroom.evaluation.parameters import EvaluateParameters
from darkroom.figures.parameters import PlotParameters, Report
from darkroom.sources.parameters import DownloadParameters, FetchParameters
from darkroom.training.kinds import training_of
from darkroom.training.parameters import MachineParameters, TaskTraining, TrainParameters

TASK_NAME = "[a-z0-9][a-z0-9_-]*"  # it names folders and stages


class SharedTraining(TrainParameters, MachineParameters):
    """How models are trained. Every task inherits these values and can override them in `tasks.TASK.train`."""


class TopLevel(DownloadParameters, DeviceParameters):
    """The top level of params.yaml."""

    seed: int = Field(ge=0)
    """Seed of all random draws."""
    source: Literal["sample", "published"]
    """Where the data sets come from. sample: the project draws small ones of their kind, without a network; published:
    the data sets themselves, which are downloaded."""
    launcher: str = Field(pattern=r"^(python|torchrun( -\S+( [^-]\S*)?)*)$")
    """The command that starts training. python: one process; torchrun with its options: several processes that train
    together, each on its own GPU."""
    report: Report = Report()
    """The reports of the tasks, `reports/TASK.html`."""
    train: SharedTraining
    """How models are trained. Every task inherits these values and can override them in `tasks.TASK.train`."""
    tasks: dict[str, dict[str, Any]] = Field(min_length=1)
    """The tasks by name, each a data set and a model. The name is made of lower-case letters, digits, _ and -."""


def configure(params: Path, folder: Path) -> None:
    """Write `folder/TASK/STAGE.json` for every task in the file `params`.

    Raises:
        UserError: a value is wrong, missing or unknown. Nothing is written then.
    """
    top = check(TopLevel, _read(params), "")
    parameters = {name: _parameters_of(top, name, task) for name, task in top.tasks.items()}
    with replacing(folder) as temporary:
        for task, files in parameters.items():
            for stage, values in files.items():
                (temporary / task).mkdir(parents=True, exist_ok=True)
                write_json(temporary / task / f"{stage}.json", values.model_dump())


def task_parameters(params: Path, task: str) -> dict[str, Parameters]:
    """Return the parameters of each stage of one task in the file `params`.

    Raises:
        UserError: there is no such task, or a value is wrong, missing or unknown.
    """
    top = check(TopLevel, _read(params), "")
    if task not in top.tasks:
        raise UserError(f"{params}: tasks.{task}: is no task; {nearest(task, list(top.tasks))}")
    return _parameters_of(top, task, top.tasks[task])


def _parameters_of(top: TopLevel, name: str, task: dict[str, Any]) -> dict[str, Parameters]:
    """Return the parameters of each stage of one task.

    Args:
        top: the content of params.yaml.
        name: of the task.
        task: the task's own keys in params.yaml, not checked yet.
    """
    where = f"tasks.{name}"
    if not re.fullmatch(TASK_NAME, name):
        raise UserError(
            f"params.yaml: {where}: a task's name is made of lower-case letters, digits, _ and -, since "
            "`dvc exp run -S` takes no others"
        )
    preparation = _preparation_of(task.get("prepare"), where)
    classes: dict[str, type[Parameters]] = {
        "fetch": FetchParameters,
        "download": DownloadParameters,
        "train": training_of(preparation.kind),
        "machine": MachineParameters,
        "device": DeviceParameters,
        "evaluate": EvaluateParameters,
        "audit": AuditParameters,
        "prepare": preparation.parameters,
        "plot": PlotParameters,
    }
    overrides = task.get("train") or {}
    if not isinstance(overrides, dict):
        raise UserError(f"params.yaml: {where}.train = {overrides!r}: must hold keys and values, or be {{}}")
    train = {**top.train.model_dump(), **overrides}
    if train["bits"] == "auto":
        is_sample = top.source == "sample" and task.get("archive") is None
        train["bits"] = "everywhere" if is_sample else "machine"

    report = top.report.model_dump()
    inherited: dict[str, Any] = {
        "seed": top.seed, "source": top.source, "report": report, "kind": preparation.kind, "bits": train["bits"]
    }  # fmt: skip
    audit = task.get("audit")
    inherited["left_out"] = audit.get("leave_out", []) if isinstance(audit, dict) else []
    inherited |= {key: getattr(top, key) for key in (*DownloadParameters.model_fields, *DeviceParameters.model_fields)}
    given = {key: value for key, value in task.items() if key != "prepare"}
    fields = {field for parameters in classes.values() for field in parameters.model_fields}
    known = sorted(fields - {*inherited, *MachineParameters.model_fields})
    for key in given:
        if key not in known:
            raise UserError(f"params.yaml: unknown key {where}.{key}: {nearest(key, [*known, 'prepare'])}")
    machine = {key: train.pop(key) for key in MachineParameters.model_fields}
    values = {**given, **inherited, **machine, "train": train}
    checked = {
        stage: check(parameters, {key: value for key, value in values.items() if key in parameters.model_fields}, where)
        for stage, parameters in classes.items()
    }
    training = checked["train"]
    assert isinstance(training, TaskTraining)
    training.check_augmentation(where)
    return checked


def preparations() -> dict[str, Preparation[Any]]:
    """Return what each script of the stage `prepare` declares, by the script's name.

    Such a script is a module of `stages` with a constant PREPARATION.
    """
    return {script: _import_preparation(script) for script in _preparation_scripts()}


def _preparation_of(script: object, where: str) -> Preparation[Any]:
    """Return what the script `stages/SCRIPT.py` declares. Only this one is imported, since imports take seconds."""
    scripts = _preparation_scripts()
    if not isinstance(script, str) or script not in scripts:
        raise UserError(f"params.yaml: {where}.prepare = {script!r}: names no script; {nearest(str(script), scripts)}")
    return _import_preparation(script)


def _preparation_scripts() -> list[str]:
    files = in_order(Path(stages.__path__[0]).glob("*.py"))
    return [file.stem for file in files if "\nPREPARATION = " in file.read_text(encoding="utf-8")]


def _import_preparation(script: str) -> Preparation[Any]:
    preparation: Preparation[Any] = import_module(f"stages.{script}").PREPARATION
    return preparation


def _read(params: Path) -> dict[str, Any]:
    try:
        content = read_yaml(params)
    except FileNotFoundError:
        raise UserError(f"{params}: no such file; run in the project's root") from None
    if not isinstance(content, dict):
        raise UserError(f"{params}: must hold keys and values, such as `seed: 0`")
    return content
