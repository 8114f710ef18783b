"""Copying of batches to a GPU while it computes."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from darkroom.common.errors import UserError
from darkroom.device.memory import MEGABYTE, is_out_of_memory


def prefetch(batches: Iterable[tuple[Tensor, ...]], device: torch.device) -> Iterator[tuple[Tensor, ...]]:
    """Yield batches on the device. For CUDA, each is copied while the GPU computes with the one before it.

    A copy from pageable memory makes the host wait, so batches are copied from pinned memory, on a stream of their own.
    The host never waits. A batch that lies in pinned memory is not pinned again.

    Args:
        batches: tensors in the memory of the host.
        device: where the batches are needed.

    Yields:
        The tensors of each batch, on the device.

    Raises:
        UserError: a batch does not fit into the memory that can be pinned.
    """
    if device.type != "cuda":
        # On MPS these copies must be waited for: https://github.com/pytorch/pytorch/issues/189690
        yield from (tuple(tensor.to(device) for tensor in batch) for batch in batches)
        return
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call] # torch leaves it untyped
    ahead: tuple[Tensor, ...] = ()
    for batch in batches:
        pinned = tuple(_pin(tensor) for tensor in batch)
        ready = ahead and _hand_over(ahead, stream, device)  # before the next copy, which it must not wait for
        with torch.cuda.stream(stream):
            ahead = tuple(tensor.to(device, non_blocking=True) for tensor in pinned)
        if ready:
            yield ready
    if ahead:
        yield _hand_over(ahead, stream, device)


def _hand_over(copied: tuple[Tensor, ...], stream: torch.cuda.Stream, device: torch.device) -> tuple[Tensor, ...]:
    """Return tensors that were copied on `stream` for use on the device's current stream, which waits for the copy."""
    current = torch.cuda.current_stream(device)
    current.wait_stream(stream)
    for tensor in copied:
        tensor.record_stream(current)  # or its memory would be given to the next copy while it is still computed with
    return copied


def _pin(tensor: Tensor) -> Tensor:
    """Return a tensor in pinned memory. PyTorch keeps that memory for later batches."""
    try:
        return tensor.pin_memory()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(
            f"params.yaml: train.batch_size: the host has no memory left to pin for {len(tensor)} images of "
            f"{tensor.nbytes // MEGABYTE} MB together: make it smaller, or end other programs"
        ) from None
