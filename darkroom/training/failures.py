"""Errors of PyTorch while training, in the user's terms."""

from darkroom.common.errors import UserError
from darkroom.training.parameters import TrainParameters

OUT_OF_MEMORY = ("out of memory", "can't allocate memory")  # of CUDA, and of the processor's allocator
NOT_DETERMINISTIC = " does not have a deterministic implementation"


def explain(error: RuntimeError, hyper: TrainParameters, where: str) -> Exception:
    """Return the error to raise instead of PyTorch's: a `UserError`, or the same error where it is our bug.

    Args:
        error: raised by PyTorch.
        hyper: parameters of the loop.
        where: epoch and step, for the message.
    """
    message = str(error)
    if any(words in message for words in OUT_OF_MEMORY):
        return UserError(
            f"params.yaml: train.batch_size = {hyper.batch_size}: does not fit the memory, {where}: take half of it "
            f"and train.accumulate = {2 * hyper.accumulate}"
        )
    if NOT_DETERMINISTIC in message:
        return UserError(
            f"params.yaml: train.deterministic = true: the model needs {message.split(NOT_DETERMINISTIC)[0]}, which "
            f"the device does not do alike at every run, {where}: take another model, or set it to false"
        )
    return error
