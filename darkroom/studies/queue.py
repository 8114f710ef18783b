"""Run a study's experiments in DVC's queue. What an earlier call finished or left in the queue is used."""

import re
import subprocess
import sys
import time
from dataclasses import dataclass

from darkroom.common.errors import UserError
from darkroom.common.progress import progress
from darkroom.studies.declared import Run

SECONDS_BETWEEN_LOOKS = 3
SECONDS_TO_START = 30  # how long a worker of the queue may take to start
MOST_STARTS = 3  # how often workers are started without any experiment ending before the study is given up
MOST_KILLS = 10  # attempts to end experiments whose worker is gone
LOOKS = 3  # a worker may be too busy to answer the first look
WORKERS = re.compile(r"Worker status: (\d+) active, (\d+) idle")  # the last line of `dvc queue status`
ENDED = ("Success", "Failed", "Died")


@dataclass(frozen=True)
class Queue:
    """What `dvc queue status` lists.

    Attributes:
        states: `Queued`, `Running`, `Success` or `Failed`, by the experiment's name.
        has_workers: whether any worker answers.
    """

    states: dict[str, str]
    has_workers: bool

    @classmethod
    def parse(cls, status: str) -> "Queue":
        """Return the queue in the output of `dvc queue status`: columns for task, name, time and state."""
        rows = [re.split(r"\s{2,}", line.strip()) for line in status.splitlines()]
        workers = WORKERS.search(status)
        return cls(
            {row[1]: row[3] for row in rows if len(row) == 4 and row[0] != "Task"},
            workers is not None and int(workers[1]) + int(workers[2]) > 0,
        )

    def named(self, *states: str) -> set[str]:
        """Return the names of the experiments in any of these states."""
        return {name for name, state in self.states.items() if state in states}


def look() -> Queue:
    """Return the queue as it is now."""
    return Queue.parse(_read_dvc("queue", "status"))


def run_all(runs: list[Run], task: str, jobs: int) -> dict[str, str]:
    """Queue the runs that are not finished, and wait until all have ended.

    Returns:
        How each run ended, by its name: `Success`, `Failed`, or `Died` if its worker was killed.

    Raises:
        UserError: the queue holds other experiments, or its workers end without doing their work.
    """
    names = {run.name for run in runs}
    queue = look()
    if abandoned := end_abandoned(queue):
        for name in names & abandoned:
            print(f"{name}: its worker died; it is run again", file=sys.stderr)
        queue = look()
    others = queue.named("Queued", "Running") - names
    if others:
        raise UserError(f"the queue holds other experiments, such as {min(others)}; `dvc queue start` runs them, `dvc "
                        "queue remove --queued` drops them")  # fmt: skip
    finished, waiting = finished_experiments(), queue.named("Queued", "Running")
    useless = (queue.states.keys() - waiting | queued_elsewhere(queue)) & names - finished
    if useless:
        _run_dvc("queue", "remove", *sorted(useless))
    missing = [run for run in runs if run.name not in finished | (waiting - useless)]
    bar = progress(len(missing), "queueing", unit="run", lines=False)
    for run in missing:
        queued = subprocess.run(run.command(task), capture_output=True, text=True, errors="replace")
        if queued.returncode:
            raise UserError(
                f"{run.name}: cannot be queued ({last_line(queued.stderr)}); the runs before it stay queued"
            )
        bar.update()
    bar.close()
    return _wait(runs, finished, jobs)


def _wait(runs: list[Run], finished: set[str], jobs: int) -> dict[str, str]:
    """Start workers until all runs have ended; return how each ended."""
    bar = progress(len(runs), "experiments", unit="run")
    counted, starts, started = 0, 0, float("-inf")
    died: dict[str, str] = {}
    while True:
        queue = look()
        found = queue.states | died
        states = {run.name: "Success" if run.name in finished else found.get(run.name, "Failed") for run in runs}
        ended = sum(state in ENDED for state in states.values())
        bar.update(ended - counted)
        if ended > counted:
            starts = 0
        counted = ended
        if ended == len(runs):
            bar.close()
            return states
        if time.monotonic() - started > SECONDS_TO_START and not _answers(queue):
            died |= dict.fromkeys(end_abandoned(queue), "Died")
            if starts == MOST_STARTS:
                raise UserError("the queue's workers end before their work does; look at `dvc queue status`, then run "
                                "the study again: what is done is kept")  # fmt: skip
            _run_dvc("queue", "start", "--jobs", str(jobs))
            starts, started = starts + 1, time.monotonic()
        time.sleep(SECONDS_BETWEEN_LOOKS)


def end_abandoned(queue: Queue) -> set[str]:
    """End the experiments that the queue lists as running although no worker is left; return their names.

    The queue lists them as failed afterwards. `dvc queue kill` may end only the process of an experiment; the queue
    notices its end at the next call.
    """
    abandoned = queue.named("Running")
    if not abandoned or _answers(queue):
        return set()
    for _ in range(MOST_KILLS):
        for name in queue.named("Running"):
            _run_dvc("queue", "kill", name)
        queue = look()
        if not queue.named("Running"):
            break
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return abandoned


def _answers(queue: Queue) -> bool:
    """Return whether any worker answers, now or at the next looks where experiments run that keep it busy."""
    looks = LOOKS if queue.named("Running") else 1
    return queue.has_workers or any(look().has_workers for _ in range(looks - 1))


def finished_experiments() -> set[str]:
    """Return the names of the finished experiments of the present commit."""
    return set(_read_dvc("exp", "list", "--name-only").split())


def queued_elsewhere(queue: Queue) -> set[str]:
    """Return the names of the queued experiments that belong to another commit than the present."""
    queued = queue.named("Queued")
    if not queued:
        return queued
    import dvc.api  # here, since it takes a second

    return queued - {row["Experiment"] for row in dvc.api.exp_show()}


def stop() -> None:
    """End the queue's workers and the experiments that they run."""
    _run_dvc("queue", "stop", "--kill")


def _read_dvc(*arguments: str) -> str:
    """Return what a command of DVC prints."""
    done = subprocess.run(["dvc", *arguments], capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise UserError(f"dvc {' '.join(arguments)}: {last_line(done.stderr)}")
    return done.stdout


def _run_dvc(*arguments: str) -> None:
    # The output is not captured: the workers that `dvc queue start` leaves behind would keep the pipes open, and this
    # call would wait for their end.
    subprocess.run(["dvc", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def last_line(text: str) -> str:
    """Return the last line of `text` that is not empty."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")
