"""Time and memory of a training. They differ between equal runs, so DVC does not track their file."""

import platform
from importlib.metadata import version
from pathlib import Path

import torch

from darkroom.common import platform as system
from darkroom.common.files import write_json
from darkroom.device.memory import MEGABYTE


def reset_peak_memory(device: torch.device) -> None:
    """Begin to measure the peak anew. Only CUDA can: on other devices this does nothing."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> float:
    """Return the largest memory use in MiB: of PyTorch on the GPU since the reset, or of this process since its start.

    On the CPU a reset would tell little: the process keeps what it frees, see `keep_freed_memory`.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MEGABYTE
    if device.type == "mps":
        return torch.mps.driver_allocated_memory() / MEGABYTE  # of now: PyTorch counts no peak there
    return system.peak_memory() / MEGABYTE


def write_costs(
    path: Path,
    costs: list[dict[str, float]],
    device: torch.device,
    precision: str,
    numerics: str,
    micro_batch: int | None = None,
) -> None:
    """Write the device, the versions of packages, and time and memory of each epoch as JSON.

    Args:
        path: the file to write.
        costs: `State.costs`, one entry per epoch.
        device: where the model was trained.
        precision: fp32, bf16 or fp16.
        numerics: the result of `hash_numerics`.
        micro_batch: of the last epoch, `State.micro_batch`.
    """
    epochs = [
        {"epoch": number, **{name: round(value, 1) for name, value in cost.items()}}
        for number, cost in enumerate(costs, start=1)
    ]
    write_json(
        path,
        {
            "device": torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or "cpu",
            "threads": torch.get_num_threads(),
            "precision": precision,
            "numerics": numerics,
            "micro_batch": micro_batch,
            "versions": {
                "python": platform.python_version(),
                **{package: version(package) for package in ("torch", "torchvision", "numpy")},
            },
            "epochs": epochs,
        },
    )
