"""The device, its number format, and deterministic algorithms."""

import os

import torch

from darkroom.common.errors import UserError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
THREADS = 2  # with bits = everywhere, on any number of cores
BF16_CPUS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")  # CPU features that compute bfloat16 in hardware


def choose_device(bits: str = "machine") -> torch.device:
    """Return the GPU if there is one. With `bits` = `everywhere`, return the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() and bits != "everywhere" else "cpu")


def choose_precision(asked: str, device: torch.device, bits: str = "machine") -> str:
    """Return the number format of training: fp32, bf16 or fp16.

    Args:
        asked: one of the three, or auto: the fastest that the device has in hardware.
        device: where training computes.
        bits: everywhere: always fp32, the only format that all processors have.

    Raises:
        UserError: fp16 on a CPU, which has no hardware for it, and no gradient scaler.
    """
    if bits == "everywhere":
        return "fp32"
    if asked == "auto":
        best = supported_precision("bf16", device)
        return "fp16" if best == "fp32" and device.type == "cuda" else best
    if asked == "fp16" and device.type == "cpu":
        raise UserError("params.yaml: train.precision = fp16: needs a CUDA GPU; take auto, bf16 or fp32 on a CPU")
    return asked


def supported_precision(precision: str, device: torch.device) -> str:
    """Return `precision`, or fp32 where the device would emulate it, several times slower."""
    if device.type == "cuda":
        is_supported = precision != "bf16" or torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        features = torch.cpu.get_capabilities()
        is_supported = precision == "bf16" and any(features.get(name, False) for name in BF16_CPUS)
    return precision if is_supported else "fp32"


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return a context in which operations compute in `precision` where that is safe; with fp32 it does nothing."""
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "fp32")


def fix_algorithms(deterministic: bool = True, bits: str = "machine") -> None:
    """Make PyTorch choose the same algorithms in every run.

    https://docs.pytorch.org/docs/stable/notes/randomness.html

    Args:
        deterministic: False: let cuDNN choose the fastest algorithms instead.
        bits: everywhere: use the same number of threads on every machine, since each thread sums a part of its own.
    """
    if bits == "everywhere":
        torch.set_num_threads(THREADS)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # torch.use_deterministic_algorithms would do the same, and import the compiler, which takes a second.
    torch.set_deterministic_debug_mode("error" if deterministic else "default")
    # Filling memory takes time, and no code reads it before writing.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # PyTorch's own setting
    torch.backends.cudnn.benchmark = not deterministic
    # TensorFloat-32 rounds factors to 10 bits: three times as fast, and fp32 by name alone.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = not deterministic
