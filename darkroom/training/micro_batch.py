"""Micro batches: the parts of a batch that go through the network one after another, so that each fits into memory.

The mean of their gradients is that of the whole batch, since all parts have the same size.
"""

from collections.abc import Callable

import torch
from torch import Tensor

LEAST = 2  # batch normalization needs two


def split_batches(batches: list[tuple[Tensor, Tensor]], micro_batch: int | None) -> list[tuple[Tensor, Tensor]]:
    """Return the parts of several batches.

    Args:
        batches: inputs and targets of each batch, as this process gets them.
        micro_batch: images or points in a part; None: each batch is one part.
    """
    if micro_batch is None:
        return batches
    return [
        part
        for inputs, targets in batches
        for part in zip(*(torch.split(one, micro_batch) for one in (inputs, targets)), strict=True)
    ]


def part_of(batch: int, limit: int) -> int | None:
    """Return the size of the largest equal parts of a batch with at most `limit` images or points; None: there is none.

    Args:
        batch: images or points in the batch.
        limit: of those in a part.
    """
    if limit >= batch:
        return batch
    return next((size for size in range(limit, LEAST - 1, -1) if batch % size == 0), None)


def largest_part(batch: int, fits: Callable[[int], bool]) -> int | None:
    """Return the largest part of a batch that fits into memory: all of it, or half, and so on; None if none does.

    Args:
        batch: images or points in the batch.
        fits: returns whether a part of that size fits.
    """
    part: int | None = batch
    while part is not None and not fits(part):
        part = part_of(batch, part // 2)
    return part
