"""Running a study's experiments with DVC's own queue, of which some may be done and some left over."""

import subprocess
import sys
import time

from darkroom.common.errors import UserError
from darkroom.common.progress import progress
from darkroom.studies.declared import Run

SECONDS_BETWEEN_LOOKS = 3
SECONDS_TO_START = 30  # that a worker of the queue may take
MOST_STARTS = 3  # of the workers, before a queue that does not move is given up
MOST_KILLS = 10  # of a run without a worker
LOOKS = 3  # for workers, which may be too busy to answer once


def run_all(runs: list[Run], task: str, jobs: int) -> dict[str, str]:
    """Queue the runs that are not done yet, and wait for all; what became of each, by name: Success, Failed, Died.

    Raises:
        UserError: the queue holds others' experiments, or does not move.
    """
    own = {run.name for run in runs}
    for name in own & end_abandoned():
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
            raise UserError(f"{run.name}: cannot be queued ({last_line(queued.stderr)}); what is queued stays so")
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
            died |= dict.fromkeys(end_abandoned(), "Died")
            if starts == MOST_STARTS:
                raise UserError("the queue's workers end before their work does; look at `dvc queue status`, then run "
                                "the study again: what is done is kept")  # fmt: skip
            _dvc("queue", "start", "--jobs", str(jobs))
            starts, started = starts + 1, time.monotonic()
        time.sleep(SECONDS_BETWEEN_LOOKS)


def end_abandoned() -> set[str]:
    """The experiments that the queue has for running though it has no worker; it has them for failed then.

    Killing one may end its process only; once that is gone, the queue is told.
    """
    abandoned = _running()
    if not abandoned or has_workers():
        return set()
    for _ in range(MOST_KILLS):
        for name in _running():
            _dvc("queue", "kill", name)
        if not _running():
            break
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return abandoned


def _running() -> set[str]:
    return {name for name, state in queue_states().items() if state == "Running"}


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


def stop() -> None:
    """End the workers and what they are at."""
    _dvc("queue", "stop", "--kill")


def _dvc(*arguments: str) -> None:
    # Not captured: the workers that `dvc queue start` leaves behind would hold the pipes, and this wait for their end.
    subprocess.run(["dvc", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def last_line(text: str) -> str:
    """The last line of `text` that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")
