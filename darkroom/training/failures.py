"""One-line messages for errors that PyTorch raises during training."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from darkroom.common.errors import UserError
from darkroom.device.memory import is_out_of_memory
from darkroom.device.precision import NOT_DETERMINISTIC
from darkroom.training.parameters import TrainParameters

COMPILERS = ("torch._dynamo", "torch._inductor")  # modules of the errors of torch.compile
T = TypeVar("T")


class OutOfMemory(UserError):
    """A step of the optimizer did not fit into memory."""


def explain(error: RuntimeError, hyper: TrainParameters, where: str) -> Exception:
    """Return the exception to raise in place of `error`: a `UserError` if the user can fix it, else `error` itself.

    If memory ran out, it is an `OutOfMemory`.

    Args:
        error: raised by PyTorch.
        hyper: the parameters of the training.
        where: epoch and step, for the message.
    """
    message = str(error)
    if is_out_of_memory(error):
        can_split = hyper.micro_batch is None and not hyper.pretrain_epochs
        return OutOfMemory(
            f"params.yaml: train.batch_size = {hyper.batch_size}: does not fit into memory, {where}: halve it "
            f"and set train.accumulate = {2 * hyper.accumulate}{', or set train.micro_batch' if can_split else ''}"
        )
    if NOT_DETERMINISTIC in message:
        return UserError(
            f"params.yaml: train.deterministic = true: the model uses {message.split(NOT_DETERMINISTIC)[0]}, which is "
            f"not deterministic on this device, {where}: take another model, or set it to false"
        )
    if hyper.compile and type(error).__module__.startswith(COMPILERS):
        cause = str(getattr(error, "inner_exception", error)).splitlines()[0]
        return UserError(
            f"params.yaml: train.compile = true: {cause}, {where}: install what is missing, or set it to false"
        )
    return error


def explain_errors(batches: Iterable[T], hyper: TrainParameters, where: str) -> Iterator[T]:
    """Yield batches, and explain the errors of loading and augmenting them. The arguments are those of `explain`."""
    try:
        yield from batches
    except RuntimeError as error:
        raise explain(error, hyper, where) from None
