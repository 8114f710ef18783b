"""What a run costs, and on what: figures that differ from run to run, so they live outside DVC's outputs."""

import platform
import resource
import sys
from importlib.metadata import version
from pathlib import Path

import torch

from darkroom.common.files import write_json

MEGABYTE = 2**20
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # of getrusage, in bytes


def peak_memory(device: torch.device) -> float:
    """The most memory held so far in MiB: of the GPU that PyTorch took, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MEGABYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / MEGABYTE


def write_costs(path: Path, costs: list[dict[str, float]], device: torch.device, precision: str, numerics: str) -> None:
    """Write device, hash of its numerics, versions, and seconds, images/s and peak memory of each epoch as JSON."""
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
            "versions": {
                "python": platform.python_version(),
                **{package: version(package) for package in ("torch", "torchvision", "numpy")},
            },
            "epochs": epochs,
        },
    )
