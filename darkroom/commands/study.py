"""Whole studies as one command."""

import shutil
import subprocess
import sys
from pathlib import Path

from darkroom.common.errors import UserError
from darkroom.common.files import read_json
from darkroom.evaluation.tables import read_classes
from darkroom.studies.declared import FOLDER, check_runs, read_study, runs_of
from darkroom.studies.queue import run_all, stop
from darkroom.studies.results import RESULTS, check_metrics, write_results

LEAST_FREE = 20 << 20  # bytes, without which DVC's queue cannot be read


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
    last, classes = Path("metrics", plan.task, "test.json"), Path("data/predictions", plan.task, "classes.csv")
    if last.exists() and classes.exists():  # else the first run's are checked
        check_metrics(plan, read_json(last), read_classes(classes))
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
        stop()
        print(f"\nstopped; `python -m darkroom study {name} --scale {scale}` goes on", file=sys.stderr)
        raise
    write_results(plan, name, scale, runs, states)


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
