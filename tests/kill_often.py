"""Kill training processes at random moments and check that resuming gives the same results.

Run it in an empty folder. PyTorch is imported once and each training run is a fork of this process, because the import
takes longer than the training. The parent process runs no PyTorch code: its threads would not survive the fork.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch._dynamo  # noqa: F401 - the first optimizer step imports it, which takes longer than a run
from small_runs import METRICS, MODEL, OUTPUTS, classification, prepare_classes, trained

KILLS = 20


def fork(work: Callable[[], object]) -> int:
    process = os.fork()
    if process == 0:
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        sys.stdout.flush()
        os._exit(0)
    return process


def run_to_end(work: Callable[[], object]) -> None:
    status = os.waitpid(fork(work), 0)[1]
    assert status == 0, f"an undisturbed run ended with status {status}"


def read_results() -> list[bytes]:
    return [path.read_bytes() for path in (MODEL, METRICS / "history.csv", METRICS / "train.json")]


def main() -> None:
    parameters = classification(epochs=30, ema=0.9, optimizer="muon", keep="best")
    run_to_end(prepare_classes)
    started = time.monotonic()
    run_to_end(lambda: trained(parameters))
    seconds, expected = time.monotonic() - started, read_results()

    draw, kills, completed = random.Random(0), 0, 0
    while kills < KILLS or completed == 0:
        process = fork(lambda: trained(parameters))
        time.sleep(draw.uniform(0, seconds))
        os.kill(process, signal.SIGKILL)
        if os.waitpid(process, 0)[1] == signal.SIGKILL:
            kills += 1
            continue
        completed += 1
        assert read_results() == expected, "a resumed run gave other results than an uninterrupted one"
        assert not OUTPUTS.state.exists()
        MODEL.unlink()
    run_to_end(lambda: trained(parameters))
    assert read_results() == expected
    assert not list(Path().rglob("*.partial")), "half-written files of killed runs are deleted"
    print(f"{kills} kills, {completed} completed runs")


if __name__ == "__main__":
    main()
