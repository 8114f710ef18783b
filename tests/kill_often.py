"""Train in processes that are killed at random moments, until one comes to its end; run in an empty folder.

PyTorch is imported once and each run is a fork of that, since importing takes longer than training. The parent
runs nothing of PyTorch's, whose threads would not survive the fork.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch._dynamo  # noqa: F401 - what the first step of an optimizer imports, which takes longer than a run
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


def whole(work: Callable[[], object]) -> None:
    status = os.waitpid(fork(work), 0)[1]
    assert status == 0, f"a run that nobody disturbed ended with {status}"


def results() -> list[bytes]:
    return [path.read_bytes() for path in (MODEL, METRICS / "history.csv", METRICS / "train.json")]


def main() -> None:
    parameters = classification(epochs=30, ema=0.9, optimizer="muon", keep="best")
    whole(prepare_classes)
    started = time.monotonic()
    whole(lambda: trained(parameters))
    seconds, expected = time.monotonic() - started, results()

    draw, kills, ends = random.Random(0), 0, 0
    while kills < KILLS or ends == 0:
        process = fork(lambda: trained(parameters))
        time.sleep(draw.uniform(0, seconds))
        os.kill(process, signal.SIGKILL)
        if os.waitpid(process, 0)[1] == signal.SIGKILL:
            kills += 1
            continue
        ends += 1
        assert results() == expected, "a run that was killed before ended otherwise than one that was not"
        assert not OUTPUTS.state.exists()
        MODEL.unlink()
    whole(lambda: trained(parameters))
    assert results() == expected
    assert not list(Path().rglob("*.partial")), "what a kill left half-written is gone"
    print(f"{kills} kills, {ends} ends")


if __name__ == "__main__":
    main()
