"""Work on all cores, in worker processes, with one progress bar."""

import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from darkroom.common.progress import progress

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNKS_A_CORE = 4  # at least, so that no core waits long for the others at the end


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_all_cores(
    work: Callable[[list[Item]], list[Result]], items: list[Item], description: str, chunk: int
) -> Iterable[Result]:
    """What `work` makes of `items`, in their order; `work` gets up to `chunk` items at a time.

    An exception in a worker is raised here, and the chunks not yet begun are dropped. Workers are new processes:
    a fork has the locks of this one's threads, but not the threads that would open them, and can hang.
    """
    chunk = min(chunk, 1 + len(items) // (CHUNKS_A_CORE * cores()))
    chunks = [items[start : start + chunk] for start in range(0, len(items), chunk)]
    bar = progress(len(items), description)
    with ProcessPoolExecutor(cores(), multiprocessing.get_context("spawn")) as pool:
        try:
            for results in pool.map(work, chunks):
                bar.update(len(results))
                yield from results
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        finally:
            bar.close()
