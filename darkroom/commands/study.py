"""Whole studies as one command: a grid of experiments, run by DVC's queue, and what came out of them."""

import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import Field

from darkroom.commands.revisions import read_at
from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.common.parameters import Parameters, check, nearest
from darkroom.common.progress import progress
from darkroom.configuration import configure
from darkroom.figures.study import draw_study

FOLDER = Path("studies")
RESULTS = FOLDER / "results"
PARAMS = Path("params.yaml")
SEED = "seed"  # runs that differ in it alone are one row of the table
SECONDS_BETWEEN_LOOKS = 3
SECONDS_TO_START = 30  # that a worker of the queue may take
MOST_STARTS = 3  # of the workers, before a queue that does not move is given up
LEAST_FREE = 20 << 20  # bytes, without which DVC's queue cannot be read
LOOKS = 3  # for workers, which may be too busy to answer once
STAGE_ERROR = ": error: "  # before what a stage says of its end; after it come lines of DVC's
SIMPLE = re.compile(r"[\w./@+-]+( [\w./@+=-]+)*")  # a text that Hydra's grammar takes as it is
Point = dict[str, Any]  # values by key of params.yaml


class Reported(Parameters):
    """A figure that others published for the points that have the values of `at`."""

    at: Point
    score: float


class Scale(Parameters):
    """The experiments of a study: every point of `points` with every point of `grid`, and `set` for all of them."""

    set: Point = {}
    points: list[Point] = Field(default=[{}], min_length=1)
    grid: dict[str, list] = {}
    reported: list[Reported] = []


class Study(Parameters):
    """A file of `studies/`."""

    shows: str
    task: str
    score: str  # of metrics/TASK/test.json
    scales: dict[str, Scale] = Field(min_length=1)


@dataclass(frozen=True)
class Run:
    """One experiment: its name in DVC, what differs between the runs of its study, and all that it sets."""

    name: str
    point: Point
    overrides: list[str]

    def command(self, task: str) -> list[str]:
        changes = [part for override in self.overrides for part in ("-S", override)]
        return ["dvc", "exp", "run", "--queue", "--name", self.name, *changes, f"evaluate@{task}"]


def study(name: str, scale: str, jobs: int, dry: bool) -> None:
    """Run what is missing of a study, and write its table and figure to `studies/results/`.

    Args:
        scale: one of the study's, such as `laptop`.
        jobs: experiments that run at once.
        dry: print the commands and run nothing.

    Raises:
        UserError: a study that cannot be read or run; nothing is queued then.
    """
    plan = read_study(FOLDER / f"{name}.yaml")
    if scale not in plan.scales:
        raise UserError(f"--scale {scale}: {name} has {', '.join(plan.scales)}")
    runs = runs_of(plan.scales[scale], f"{name}-{scale}", FOLDER / f"{name}.yaml")
    check_runs(runs, plan.task)
    if dry:
        for run in runs:
            print(" ".join(f"'{part}'" if set(part) & set(" [{~") else part for part in run.command(plan.task)))
        return
    free = shutil.disk_usage(".").free
    if free < LEAST_FREE:
        raise UserError(f"the disk is full, with {free >> 20} MB left: free some space and run the study again")
    if shutil.which("dvc") is None:  # which would not find the stages' `python` either
        raise UserError("`dvc` is not on the PATH; run `source .venv/bin/activate` first")
    refuse_dirty()
    try:
        states = run_all(runs, plan.task, jobs)
    except KeyboardInterrupt:
        _dvc("queue", "stop", "--kill")
        print(f"\nstopped; `python -m darkroom study {name} --scale {scale}` goes on", file=sys.stderr)
        raise
    write_results(plan, name, scale, runs, states)


def read_study(path: Path) -> Study:
    """The study in `path`.

    Raises:
        UserError: there is none, or it is not one.
    """
    if not path.exists():
        known = sorted(file.stem for file in FOLDER.glob("*.yaml"))
        raise UserError(f"{path}: no such study; {nearest(path.stem, known)}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is no YAML: {' '.join(str(error).split())}") from None
    return check(Study, content if isinstance(content, dict) else {}, "", str(path))


def runs_of(scale: Scale, prefix: str, path: Path) -> list[Run]:
    """The runs of a scale, in the order of their points, the grid's last key fastest.

    Raises:
        UserError: an empty grid, or a point that is there twice.
    """
    for key, values in scale.grid.items():
        if not values:
            raise UserError(f"{path}: grid.{key} has no values; give some or take the key away")
    points = [
        point | dict(zip(scale.grid, values, strict=True))
        for point in scale.points
        for values in product(*scale.grid.values())
    ]
    for number, point in enumerate(points):
        if point in points[:number]:
            raise UserError(f"{path}: the point {point} is there twice; keep one")
    return [
        Run(f"{prefix}-{number:02}", point, [_override(key, value) for key, value in (scale.set | point).items()])
        for number, point in enumerate(points, start=1)
    ]


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


def refuse_dirty() -> None:
    """Experiments are of a commit: what is not committed would be in all of them, unseen.

    Raises:
        UserError: files that git keeps were changed.
    """
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=no", "--", f":!{RESULTS}"], capture_output=True, text=True
    ).stdout.splitlines()
    if changed:
        raise UserError(f"{changed[0][3:]}: is changed and not committed; commit it or put it back, then run the study")


def run_all(runs: list[Run], task: str, jobs: int) -> dict[str, str]:
    """Queue the runs that are not done yet, and wait for all; what became of each, by name: Success, Failed, Died.

    Raises:
        UserError: the queue holds others' experiments, or does not move.
    """
    own = {run.name for run in runs}
    for name in end_abandoned(own):
        print(f"{name}: its worker died; it is run again", file=sys.stderr)
    done, found = finished_experiments(), queue_states()
    others = [name for name, state in found.items() if name not in own and state in ("Queued", "Running")]
    if others:
        raise UserError(f"the queue holds other experiments, such as {others[0]}; `dvc queue start` runs them, `dvc "
                        "queue remove --queued` drops them")  # fmt: skip
    outdated = queued_elsewhere()
    for name in own & found.keys() - done.keys():
        if found[name] not in ("Queued", "Running") or name in outdated:  # failed, or killed: again
            _dvc("queue", "remove", name)
            del found[name]
    missing = [run for run in runs if run.name not in done and run.name not in found]
    bar = progress(len(missing), "queueing", unit="run", lines=False)
    for run in missing:
        queued = subprocess.run(run.command(task), capture_output=True, text=True)
        if queued.returncode:
            raise UserError(f"{run.name}: cannot be queued ({_last_line(queued.stderr)}); what is queued stays so")
        bar.update()
    bar.close()
    return _wait(runs, jobs)


def _wait(runs: list[Run], jobs: int) -> dict[str, str]:
    bar = progress(len(runs), "experiments", unit="run")
    shown, starts, started, died = 0, 0, -SECONDS_TO_START, {}
    while True:
        found, done = queue_states() | died, finished_experiments()
        states = {run.name: "Success" if run.name in done else found.get(run.name, "Failed") for run in runs}
        ended = sum(state in ("Success", "Failed", "Died") for state in states.values())
        bar.update(ended - shown)
        if ended > shown:
            starts = 0
        shown = ended
        if ended == len(runs):
            bar.close()
            return states
        if time.monotonic() - started > SECONDS_TO_START and not has_workers():
            died |= dict.fromkeys(end_abandoned(set(states)), "Died")
            if starts == MOST_STARTS:
                raise UserError("the queue's workers end before their work does; look at `dvc queue status`, then run "
                                "the study again: what is done is kept")  # fmt: skip
            _dvc("queue", "start", "--jobs", str(jobs))
            starts, started = starts + 1, time.monotonic()
        time.sleep(SECONDS_BETWEEN_LOOKS)


def end_abandoned(names: set[str]) -> list[str]:
    """Those of `names` that the queue has for running though it has no worker; it has them for failed then."""
    running = [name for name, state in queue_states().items() if name in names and state == "Running"]
    if not running or has_workers():
        return []
    for name in running:
        _dvc("queue", "kill", name)
    return running


def finished_experiments() -> dict[str, str]:
    """The experiments on the present commit: their revisions by name."""
    from dvc.repo import Repo

    with Repo() as repo:
        return {name: revision for listed in repo.experiments.ls().values() for name, revision in listed if name}


def queue_states() -> dict[str, str]:
    """What the queue says of its experiments, by name: Queued, Running, Success or Failed."""
    from dvc.repo import Repo

    with Repo() as repo:
        return {entry["name"]: entry["status"] for entry in repo.experiments.celery_queue.status() if entry["name"]}


def queued_elsewhere() -> set[str]:
    """The names of the experiments in the queue that are of another commit."""
    from dvc.repo import Repo

    with Repo() as repo:
        entries = repo.experiments.celery_queue.iter_queued()
        return {entry.name for entry in entries if entry.baseline_rev != repo.scm.get_rev()}


def has_workers() -> bool:
    """Whether any worker of the queue answers now."""
    from dvc.repo import Repo

    with Repo() as repo:
        return any(repo.experiments.celery_queue.worker_status() for _ in range(LOOKS))


def write_results(plan: Study, name: str, scale: str, runs: list[Run], states: dict[str, str]) -> None:
    """Write `NAME-SCALE.csv`, a row for each run, `NAME-SCALE.md`, one for each point, and `NAME-SCALE.png`."""
    revisions = finished_experiments()
    rows, curves = [], {}
    for run in runs:
        row = {"run": run.name, "point": label(run.point), SEED: run.point.get(SEED)}
        if states[run.name] == "Success":
            report = json.loads(read_at(Path("metrics", plan.task, "test.json"), revisions[run.name]))
            row |= {"score": report[plan.score], "loss": report["loss"], "gap_to_train": report.get("gap_to_train")}
            history = read_at(Path("metrics", plan.task, "history.csv"), revisions[run.name])
            curves.setdefault(row["point"], []).append(pd.read_csv(io.BytesIO(history)))
        elif states[run.name] == "Died":
            row["failed"] = "its worker died; run the study again"
        else:
            logs = subprocess.run(["dvc", "queue", "logs", run.name], capture_output=True, text=True)
            own = [line.partition(STAGE_ERROR)[2] for line in logs.stdout.splitlines() if STAGE_ERROR in line]
            row["failed"] = own[-1] if own else _last_line(logs.stdout)
        rows.append(row)
    table = pd.DataFrame(rows).reindex(columns=["run", "point", SEED, "score", "loss", "gap_to_train", "failed"])
    points = summary(table, {label(run.point): reported(plan.scales[scale], run.point) for run in runs})
    with replacing(RESULTS / f"{name}-{scale}.csv") as path:
        table.dropna(axis=1, how="all").to_csv(path, index=False, lineterminator="\n")
    text = f"# {name}, {scale}\n\n{plan.shows} The score is `{plan.score}` on the test split.\n\n{_markdown(points)}\n"
    with replacing(RESULTS / f"{name}-{scale}.md") as path:
        path.write_text(text, encoding="utf-8")
    if curves:
        with replacing(RESULTS / f"{name}-{scale}.png") as path:
            draw_study(points, {point: pd.concat(own) for point, own in curves.items()}, plan.score, path)
    print(text)


def summary(table: pd.DataFrame, reported: dict[str, float | None]) -> pd.DataFrame:
    """A row for each point, over its seeds: mean and spread (standard deviation) of the score, mean gap to training.

    Args:
        table: a row for each run: point, score, gap_to_train, failed.
        reported: what others found, by point.
    """
    points = table.groupby("point", sort=False).agg(
        runs=("score", "count"),
        score=("score", "mean"),
        spread=("score", "std"),
        gap_to_train=("gap_to_train", "mean"),
        failed=("failed", "first"),
    )
    points.insert(3, "reported", pd.Series(reported, dtype=float))
    return points.round(4).reset_index()


def reported(scale: Scale, point: Point) -> float | None:
    """What others found with the values of `point`."""
    everything = scale.set | point
    return next((one.score for one in scale.reported if one.at.items() <= everything.items()), None)


def label(point: Point) -> str:
    """What differs in a point from the others, but for the seed."""
    parts = [
        f"no {_short(key)}" if key.startswith("~") else f"{_short(key)} {_text(value)}"
        for key, value in point.items()
        if key != SEED
    ]
    return ", ".join(parts) or "as it is"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _short(key: str) -> str:
    return key.rpartition(".")[2].replace("_", " ")


def _markdown(table: pd.DataFrame) -> str:
    """A table of the columns that say something."""
    told = table.dropna(axis=1, how="all")
    cells = [
        ["" if pd.isna(cell) else str(cell).replace("|", "/") for cell in row] for row in told.to_numpy(dtype=object)
    ]
    rows = [list(told.columns), ["---"] * len(told.columns), *cells]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")


def _dvc(*arguments: str) -> None:
    subprocess.run(["dvc", *arguments], capture_output=True, check=False)
