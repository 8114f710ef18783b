"""Work on all cores, in worker processes, with one progress bar."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from darkroom.common.errors import UserError
from darkroom.common.progress import progress

Item = TypeVar("Item")
Result = TypeVar("Result")
Workers = Callable[[list, str, int], Iterator]  # of items, their description and the most to hand out at a time

KILLED = "a worker process was killed, most often for want of memory: close other programs and run again"
CHUNKS_A_CORE = 4  # at least, so that no core waits long for the others at the end


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def workers(work: Callable[[list[Item]], list[Result]]) -> Iterator[Workers]:
    """Start a worker on each core, which imports what `work` needs while the caller finds out what there is to do.

    Gives a function of items, their description and how many of them a worker gets at a time, at most: what `work`
    makes of them, in their order. An exception in a worker is raised there, and what has not begun is dropped; where
    a worker was killed, that is a `UserError`.
    Workers are new processes: a fork has the locks of this one's threads, but not the threads that would open them,
    and can hang.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores(), context, initializer=work, initargs=([],)) as pool:
        for _ in range(cores()):
            pool.submit(int)  # a worker starts with the first order that no other is free for
        yield partial(_hand_out, pool, work)


def _hand_out(
    pool: ProcessPoolExecutor,
    work: Callable[[list[Item]], list[Result]],
    items: list[Item],
    description: str,
    chunk: int,
) -> Iterator[Result]:
    chunk = min(chunk, 1 + len(items) // (CHUNKS_A_CORE * cores()))
    bar = progress(len(items), description)
    try:
        for results in pool.map(work, [items[start : start + chunk] for start in range(0, len(items), chunk)]):
            bar.update(len(results))
            yield from results
    except BrokenProcessPool:
        raise UserError(f"{description}: {KILLED}") from None
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        bar.close()


def on_all_cores(
    work: Callable[[list[Item]], list[Result]], items: list[Item], description: str, chunk: int
) -> Iterator[Result]:
    """As `workers`, where what there is to do is known: what `work` makes of `items`."""
    with workers(work) as hand_out:
        yield from hand_out(items, description, chunk)
