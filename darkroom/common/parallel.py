"""Work in processes on all cores, with one progress bar."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from darkroom.common.errors import UserError
from darkroom.common.platform import pool_size
from darkroom.common.progress import progress

Item = TypeVar("Item")
Result = TypeVar("Result")
Workers = Callable[[list[Item], str, int], Iterator[Result]]  # items, description of the progress bar, largest chunk

KILLED = "a worker process was killed, usually because memory ran out: close other programs and run again"
CHUNKS_PER_CORE = 4  # at least, so that no core waits long for the others at the end


@contextmanager
def workers(work: Callable[[list[Item]], list[Result]]) -> Iterator[Workers[Item, Result]]:
    """Start a worker process on each core. They import what `work` needs while the caller collects the items.

    The processes are spawned: a forked one could hang on a lock that a thread of this process holds.

    Args:
        work: returns the results of a list of items. It must be picklable.

    Yields:
        A function that yields the results of items in their order. It takes the items, the description of the progress
        bar and the largest number of items that a worker gets at a time. It raises the exception of a worker, and a
        `UserError` if a worker was killed; items that have not begun are dropped then.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(pool_size(), context, initializer=work, initargs=([],)) as pool:
        for _ in range(pool_size()):
            pool.submit(int)  # a pool starts a worker only when it gets work and no other worker is idle
        yield partial(_hand_out, pool, work)


def _hand_out(
    pool: ProcessPoolExecutor,
    work: Callable[[list[Item]], list[Result]],
    items: list[Item],
    description: str,
    chunk: int,
) -> Iterator[Result]:
    chunk = min(chunk, 1 + len(items) // (CHUNKS_PER_CORE * pool_size()))
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
    """Yield the results of `items` in their order, as `workers`."""
    with workers(work) as hand_out:
        yield from hand_out(items, description, chunk)
