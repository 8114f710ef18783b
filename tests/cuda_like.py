"""A CUDA GPU without values, beside a processor with values, for machines without a GPU.

Tensors on the GPU are PyTorch's fake tensors, which have a shape and a device but no values. What needs a value of
theirs raises an error. Tensors on the processor are real, so draws, lists and sizes that the host knows are too.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

CUDA = torch.device("cuda", 0)
MODE = FakeTensorMode()  # shared by all tests, because cached constants of a device are fake too
COPIES = ("_to_copy", "copy_")


class CudaLike(TorchDispatchMode):
    """Within it `torch.device("cuda", 0)` can be used, but for backward passes.

    Attributes:
        copies: the operations so far that copied between processor and GPU, but for those from pinned memory. In each,
            the host waits for the GPU.
    """

    def __init__(self) -> None:
        super().__init__()
        self.copies: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        values = tree_leaves((args, kwargs))
        if not any(isinstance(value, FakeTensor) or _is_cuda(value) for value in values):
            return func(*args, **kwargs)
        with MODE:
            result = func(*tree_map(_fake, args), **tree_map(_fake, kwargs))
        name = func.overloadpacket.__name__
        on_host = [value for value in values if isinstance(value, Tensor) and not isinstance(value, FakeTensor)]
        masks = [v for v in tree_leaves(args[1:2]) if isinstance(v, Tensor) and v.dtype == torch.bool]
        if name in COPIES and (on_host or not _is_cuda(result)):
            if not kwargs.get("non_blocking"):
                self.copies.append(name)
        # A value of no dimension is an argument of the kernel. One for a mask fills it, others count its pixels.
        elif any(value.ndim for value in on_host) or (name == "index_put_" and masks and not on_host):
            self.copies.append(name)
        return result


def make_fake(module: nn.Module) -> nn.Module:
    """Replace all weights and buffers by fake tensors on the GPU."""

    def fake(tensor: Tensor) -> Tensor:
        with MODE:
            return torch.empty(tensor.shape, dtype=tensor.dtype, device=CUDA)

    for part in module.modules():
        part._parameters.update(
            {name: nn.Parameter(fake(value)) for name, value in part._parameters.items() if value is not None}
        )
        part._buffers.update({name: fake(value) for name, value in part._buffers.items() if value is not None})
    return module


def _is_cuda(value: Any) -> bool:
    device = value.device if isinstance(value, Tensor) else value
    return isinstance(device, torch.device) and device.type == "cuda"


def _fake(value: Any) -> Any:
    return MODE.from_tensor(value) if isinstance(value, Tensor) and not isinstance(value, FakeTensor) else value
