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


def smaller_part(batch: int, part: int) -> int | None:
    """Return the largest divisor of `batch` that is at most half of `part`; None if there is none from 2 on."""
    return next((size for size in range(part // 2, LEAST - 1, -1) if batch % size == 0), None)


def largest_part(batch: int, fits: Callable[[int], bool]) -> int | None:
    """Return the largest part of a batch that fits into memory: all of it, or half, and so on; None if none does.

    Args:
        batch: images or points in the batch.
        fits: returns whether a part of that size fits.
    """
    part: int | None = batch
    while part is not None and not fits(part):
        part = smaller_part(batch, part)
    return part
