"""The device, the number format and the algorithms of a training or an evaluation, chosen in one place."""

from dataclasses import dataclass

import torch

from darkroom.common.platform import keep_freed_memory
from darkroom.device.precision import choose_device, choose_precision, fix_algorithms


@dataclass(frozen=True)
class Setup:
    """What a process computes with. Nothing in it is `auto`.

    Attributes:
        device: where models and batches are.
        precision: number format of the forward pass: fp32, bf16 or fp16.
    """

    device: torch.device
    precision: str


def set_up(bits: str = "machine", precision: str = "auto", deterministic: bool = True, device: str = "auto") -> Setup:
    """Prepare this process for PyTorch's computations: choose device and precision, fix algorithms and threads.

    Call it before the first operation.

    Args:
        bits: `everywhere`: the same bits on every x86-64 machine, so the CPU in fp32; otherwise the fastest here.
        precision: fp32, bf16, fp16, or `auto` for the fastest that the device has in hardware.
        deterministic: allow only algorithms that give the same bits at every run.
        device: cpu, cuda, cuda:1, mps, or auto.

    Raises:
        UserError: there is no such device, or it cannot compute in this precision.
    """
    keep_freed_memory()
    chosen = choose_device(bits, device)
    fix_algorithms(deterministic, bits, chosen)
    return Setup(chosen, choose_precision(precision, chosen, bits))
