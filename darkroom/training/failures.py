"""One-line messages for errors that PyTorch raises during training."""

from darkroom.common.errors import UserError
from darkroom.device.precision import NOT_DETERMINISTIC
from darkroom.training.parameters import TrainParameters

COMPILERS = ("torch._dynamo", "torch._inductor")  # modules of the errors of torch.compile
OUT_OF_MEMORY = ("out of memory", "can't allocate memory")  # CUDA's message, and the CPU allocator's


def explain(error: RuntimeError, hyper: TrainParameters, where: str) -> Exception:
    """Return the exception to raise in place of `error`: a `UserError` if the user can fix it, else `error` itself.

    Args:
        error: raised by PyTorch.
        hyper: the parameters of the training.
        where: epoch and step, for the message.
    """
    message = str(error)
    if any(words in message for words in OUT_OF_MEMORY):
        return UserError(
            f"params.yaml: train.batch_size = {hyper.batch_size}: does not fit into memory, {where}: halve it "
            f"and set train.accumulate = {2 * hyper.accumulate}"
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
