"""The device, and the number format that it computes in."""

import os
from contextlib import AbstractContextManager

import torch

from darkroom.common.errors import UserError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
THREADS = 2  # of `everywhere`, on any number of cores
BF16_CPUS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")  # have one of these features


def choose_device(bits: str = "machine") -> torch.device:
    """The GPU where there is one; with `bits` = `everywhere` the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() and bits != "everywhere" else "cpu")


def choose_precision(asked: str, device: torch.device, bits: str = "machine") -> str:
    """`fp32`, `bf16` or `fp16`: what is asked for, or with `auto` the fastest that the device has in hardware.

    With `bits` = `everywhere` that is fp32, which alone all processors have.

    Raises:
        UserError: fp16 on a CPU, where gradients would have no hardware and no scaler.
    """
    if bits == "everywhere":
        return "fp32"
    if asked == "auto":
        return in_hardware("fp16" if device.type == "cuda" else "bf16", device)
    if asked == "fp16" and device.type == "cpu":
        raise UserError("params.yaml: train.precision = fp16: needs a CUDA GPU; take auto, bf16 or fp32 on a CPU")
    return asked


def in_hardware(precision: str, device: torch.device) -> str:
    """`precision`, or `fp32` where the device would emulate it, several times slower."""
    if device.type == "cuda":
        has_it = precision != "bf16" or torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        features = torch.cpu.get_capabilities()
        has_it = precision == "bf16" and any(features.get(name, False) for name in BF16_CPUS)
    return precision if has_it else "fp32"


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "fp32")


def fix_algorithms(deterministic: bool = True, bits: str = "machine") -> None:
    """Choose the same algorithms at every run, those without atomic sums; or let cuDNN take the fastest.

    With `bits` = `everywhere` so many threads share the work as on every other machine: each sums a part by itself.
    https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    if bits == "everywhere":
        torch.set_num_threads(THREADS)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # it takes time, and nobody reads it
    torch.backends.cudnn.benchmark = not deterministic
