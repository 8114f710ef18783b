"""The command `python -m darkroom study`: run a study."""

import shutil
import subprocess
import sys
from pathlib import Path

from darkroom.common.errors import UserError
from darkroom.common.files import read_json
from darkroom.common.platform import activation, quote
from darkroom.evaluation.tables import read_classes
from darkroom.studies.declared import check_runs, runs_of_study
from darkroom.studies.queue import run_all, stop
from darkroom.studies.results import RESULTS, check_metrics, write_results

LEAST_FREE = 20 << 20  # bytes; with less space DVC cannot read its queue


def study(name: str, scale: str, jobs: int, dry: bool) -> None:
    """Run the experiments of a study that are not finished, and write its tables and figure to `studies/results/`.

    Args:
        name: the name of a file in `studies/`, without its suffix.
        scale: a scale of the study, such as `laptop`.
        jobs: the number of experiments that run at once.
        dry: print the commands and run nothing.

    Raises:
        UserError: the study cannot be read or run.
    """
    plan, runs = runs_of_study(name, scale)
    check_runs(runs, plan.task)
    report, classes = Path("metrics", plan.task, "test.json"), Path("data/predictions", plan.task, "classes.csv")
    if report.exists() and classes.exists():  # otherwise the metrics of the first run are checked
        check_metrics(plan, read_json(report), read_classes(classes))
    if dry:
        for run in runs:
            print(quote(run.command(plan.task)))
        return
    free = shutil.disk_usage(".").free
    if free < LEAST_FREE:
        raise UserError(f"the disk is full, with {free >> 20} MB left: free some space and run the study again")
    if shutil.which("dvc") is None:  # then the `python` of the stages is not on it either
        raise UserError(f"`dvc` is not on the PATH; run `{activation()}` first")
    refuse_uncommitted_changes()
    try:
        states = run_all(runs, plan.task, jobs)
    except KeyboardInterrupt:
        stop()
        print(f"\nstopped; `python -m darkroom study {name} --scale {scale}` continues it", file=sys.stderr)
        raise
    write_results(plan, name, scale, runs, states)


def refuse_uncommitted_changes() -> None:
    """Check that all files that git tracks are committed. Otherwise all experiments would contain the changes.

    Raises:
        UserError: a file has uncommitted changes.
    """
    changed = subprocess.run(
        ["git", "-c", "core.quotePath=false", "status", "--porcelain", "--untracked-files=no", "--", f":!{RESULTS}"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    ).stdout.splitlines()
    if changed:
        raise UserError(f"{changed[0][3:]}: has uncommitted changes; commit or revert them, then run the study")
