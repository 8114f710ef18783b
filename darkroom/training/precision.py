"""The device, and the number format that it computes in."""

import os
from contextlib import AbstractContextManager

import torch

from darkroom.common.errors import UserError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_precision(asked: str, device: torch.device) -> str:
    """`fp32`, `bf16` or `fp16`: what is asked for, or with `auto` the fastest that the device has in hardware.

    Raises:
        UserError: fp16 on a CPU, where gradients would have no hardware and no scaler.
    """
    if asked == "auto":
        if device.type == "cuda":
            return "fp16"
        return "bf16" if _cpu_has_bf16() else "fp32"
    if asked == "fp16" and device.type == "cpu":
        raise UserError("params.yaml: train.precision = fp16: needs a CUDA GPU; take auto, bf16 or fp32 on a CPU")
    return asked


def _cpu_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 itself: emulated, it is several times slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "fp32")


def fix_algorithms(deterministic: bool = True) -> None:
    """Choose the same algorithms at every run, those without atomic sums; or let cuDNN take the fastest.

    https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # it takes time, and nobody reads it
    torch.backends.cudnn.benchmark = not deterministic
