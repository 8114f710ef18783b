"""The device, its number format, and deterministic algorithms."""

import os
import shutil
import sys
import warnings

import torch

from darkroom.common.errors import UserError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
CPU = torch.device("cpu")
NOT_DETERMINISTIC = " does not have a deterministic implementation"  # in PyTorch's errors and warnings
THREADS = 2  # with bits = everywhere, on any number of cores
BF16_CPUS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")  # CPU features that compute bfloat16 in hardware


def choose_device(bits: str = "machine", asked: str = "auto") -> torch.device:
    """Return where to compute, and make it CUDA's current device if it is a GPU of NVIDIA's.

    Args:
        bits: everywhere: the CPU.
        asked: cpu, cuda, cuda:1, mps, or auto: a GPU if PyTorch can use one, CUDA before MPS.

    Raises:
        UserError: this machine has no such device, or `bits` does not allow it.
    """
    if bits == "everywhere":
        if asked not in ("auto", "cpu"):
            raise UserError(
                f"params.yaml: device = {asked}: train.bits = everywhere computes on the CPU; set train.bits to "
                "machine (for the sample, auto means everywhere)"
            )
        return CPU
    if asked == "auto":
        return _best_device()
    device = torch.device(asked)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UserError("params.yaml: device = mps: this machine has none; set it to auto")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            found = f"PyTorch finds {count or 'no'} CUDA GPU{'' if count == 1 else 's'} here"
            raise UserError(
                f"params.yaml: device = {asked}: {found}; set it to auto, or see `python -m darkroom doctor`"
            )
        if device.index is not None:
            torch.cuda.set_device(device)
        return torch.device("cuda")
    return device


def _best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    if shutil.which("nvidia-smi"):
        print("NVIDIA's driver is here, but PyTorch cannot use a GPU: it computes on the CPU, many times slower; "
              "`python -m darkroom doctor` says why", file=sys.stderr, flush=True)  # fmt: skip
    return CPU


def tally_device(device: torch.device) -> torch.device:
    """Return where results of `device` are summed up in float64: there, or on the CPU, since MPS has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def choose_precision(asked: str, device: torch.device, bits: str = "machine") -> str:
    """Return the number format of training: fp32, bf16 or fp16.

    Args:
        asked: one of the three, or auto: the fastest that the device has in hardware; on MPS fp32, since the others
            are not measured there.
        device: where training computes.
        bits: everywhere: always fp32, the only format that all processors have.

    Raises:
        UserError: fp16 on a CPU, which has no hardware for it, and no gradient scaler; or bf16 on MPS before macOS 14.
    """
    if bits == "everywhere" or (asked == "auto" and device.type == "mps"):
        return "fp32"
    if asked == "auto":
        best = supported_precision("bf16", device)
        return "fp16" if best == "fp32" and device.type == "cuda" else best
    if asked == "fp16" and device.type == "cpu":
        raise UserError("params.yaml: train.precision = fp16: needs a GPU; take auto, bf16 or fp32 on a CPU")
    if device.type == "mps" and supported_precision(asked, device) != asked:
        raise UserError(f"params.yaml: train.precision = {asked}: needs macOS 14 or newer; take auto, fp16 or fp32")
    return asked


def supported_precision(precision: str, device: torch.device) -> str:
    """Return `precision`, or fp32 where the device would emulate it, several times slower."""
    if device.type == "cuda":
        is_supported = precision != "bf16" or torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "mps":
        is_supported = precision != "bf16" or torch.backends.mps.is_macos_or_newer(14, 0)
    else:
        features = torch.cpu.get_capabilities()
        is_supported = precision == "bf16" and any(features.get(name, False) for name in BF16_CPUS)
    return precision if is_supported else "fp32"


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return a context in which operations compute in `precision` where that is safe; with fp32 it does nothing."""
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "fp32")


def fix_algorithms(deterministic: bool = True, bits: str = "machine", device: torch.device = CPU) -> None:
    """Make PyTorch choose the same algorithms in every run.

    https://docs.pytorch.org/docs/stable/notes/randomness.html

    Args:
        deterministic: False: let cuDNN choose the fastest algorithms instead.
        bits: everywhere: use the same number of threads on every machine, since each thread sums a part of its own.
        device: where PyTorch computes. MPS has no deterministic algorithm for pooling and other operations that every
            model needs: https://github.com/pytorch/pytorch/pull/197506. They are allowed there.
    """
    if bits == "everywhere":
        torch.set_num_threads(THREADS)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # torch.use_deterministic_algorithms would do the same, and import the compiler, which takes a second.
    torch.set_deterministic_debug_mode(("warn" if device.type == "mps" else "error") if deterministic else "default")
    if device.type == "mps":  # training says it once
        warnings.filterwarnings("ignore", f".*{NOT_DETERMINISTIC}", UserWarning)
    # Filling memory takes time, and no code reads it before writing.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # PyTorch's own setting
    torch.backends.cudnn.benchmark = not deterministic
    # TensorFloat-32 rounds factors to 10 bits: three times as fast, and fp32 by name alone.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = not deterministic
