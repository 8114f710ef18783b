"""A device that computes as Apple's MPS does, for machines without one: it has no float64, and shares no memory."""

from typing import Any

import torch
from torch import Tensor
from torch._C import DisableTorchFunction
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map  # its public twin is a package of its own

MPS = torch.device("mps")
# PyTorch's own words on a Mac.
NO_FLOAT64 = (
    "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. Please use float32 "
    "instead."
)
NO_OPERATOR = (
    "The operator '{}' is not currently implemented for the MPS device. If you want this op to be considered for "
    "addition please comment on an issue and mention use-case, that resulted in missing op. As a temporary fix, you "
    "can set the environment variable `PYTORCH_ENABLE_MPS_FALLBACK=1` to use the CPU as a fallback for this op."
)
# These take tensors of both devices.
BETWEEN_DEVICES = {"copy_", "__getitem__", "__setitem__", "__set__", "to", "_has_compatible_shallow_copy_type"}


class OnMps(Tensor):
    """A tensor on the device. The processor has its numbers, and PyTorch gives its class to all that is made of it."""

    def __deepcopy__(self, memo: dict) -> "OnMps":
        with DisableTorchFunction():
            copied = self.detach().clone().as_subclass(OnMps).requires_grad_(self.requires_grad)
        if hasattr(self, "_is_param"):
            copied._is_param = True
        return memo.setdefault(id(self), copied)

    def __reduce_ex__(self, protocol: int) -> Any:
        with DisableTorchFunction():
            plain = self.detach().as_subclass(Tensor)
        return plain.__reduce_ex__(protocol)  # files hold no devices


class MpsLike(TorchFunctionMode):
    """Within it `torch.device("mps")` can be used.

    Args:
        without: names of operations that the device lacks.
    """

    def __init__(self, without: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.without = without

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        values = tree_leaves((args, kwargs))
        on_device = any(isinstance(value, OnMps) for value in values)
        name = getattr(func, "__name__", "")
        if func == Tensor.device.__get__ and on_device:
            return MPS
        devices = {_device_type(value) for value in values} - {None}
        if name == "_parse_to" or (not on_device and "mps" not in devices):
            return func(*args, **kwargs)
        if name in self.without:
            raise NotImplementedError(NO_OPERATOR.format(f"aten::{name}"))
        others = [v for v in values if isinstance(v, Tensor) and not isinstance(v, OnMps) and v.ndim]
        if on_device and others and name not in BETWEEN_DEVICES:
            raise RuntimeError(f"{name}: Expected all tensors to be on the same device, but found mps:0 and cpu")
        if kwargs.get("non_blocking") or (name == "to" and any(value is True for value in args)):
            raise AssertionError("unpinned memory that is not waited for may be read after its end")
        args, kwargs = tree_map(lambda v: torch.device("cpu") if _device_type(v) == "mps" else v, (args, kwargs))
        result = func(*args, **kwargs)
        leaves = name in ("cpu", "numpy", "tolist", "item") or devices == {"cpu"}
        return tree_map(lambda v: self._placed(v, leaves) if isinstance(v, Tensor) else v, result)

    def _placed(self, result: Tensor, leaves: bool) -> Tensor:
        if leaves:
            return result.as_subclass(Tensor)
        if result.dtype == torch.float64:
            raise TypeError(NO_FLOAT64)
        return result if isinstance(result, OnMps) else result.as_subclass(OnMps)


def _device_type(value: object) -> str | None:
    """The type of the device that an argument is or names."""
    if isinstance(value, torch.device):
        return value.type
    return value if isinstance(value, str) and value in ("mps", "cpu") else None
