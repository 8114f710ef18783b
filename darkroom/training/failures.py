"""What PyTorch's errors while training mean to the user."""

from darkroom.common.errors import UserError
from darkroom.training.parameters import TrainParameters

OUT_OF_MEMORY = ("out of memory", "can't allocate memory")  # of CUDA, and of the processor's allocator
NOT_DETERMINISTIC = " does not have a deterministic implementation"


def explained(error: RuntimeError, hyper: TrainParameters, where: str) -> Exception:
    """The user's error behind PyTorch's, or the same where it is a bug.

    Args:
        where: what was done, such as the epoch and the step.
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
