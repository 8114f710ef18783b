"""The processes that train one model together. torchrun starts them; without it there is one."""

import os
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from darkroom.common.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Attributes:
        rank: the number of this process, from 0.
        count: the number of processes.
        local_rank: the number of this process on its machine, and of the GPU that it uses.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    def print(self, line: str) -> None:
        """Print `line` if this is the main process, so that it appears once."""
        if self.is_main:
            print(line, flush=True)

    @property
    def share(self) -> slice:
        """Which images of each batch this process takes."""
        return slice(self.rank, None, self.count)

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes files and prints."""
        return self.rank == 0


ALONE = Processes()


def join(device: torch.device) -> Processes:
    """Join the group of processes that torchrun started. Without torchrun, return `ALONE`.

    https://docs.pytorch.org/docs/stable/elastic/run.html

    Raises:
        UserError: this machine has fewer GPUs than processes, or its GPU cannot be shared.
    """
    if "LOCAL_RANK" not in os.environ:
        return ALONE
    processes = Processes(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))
    if device.type == "mps" and processes.count > 1:
        raise UserError(
            "params.yaml: launcher: several processes cannot train on a Mac's GPU; set it to python, or train.bits to "
            "everywhere to train on the processor"
        )
    if device.type == "cuda":
        if processes.local_rank >= torch.cuda.device_count():
            raise UserError(
                f"params.yaml: launcher: starts more processes than this machine's {torch.cuda.device_count()} GPUs; "
                "lower --nproc-per-node"
            )
        torch.cuda.set_device(processes.local_rank)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return processes


def leave(processes: Processes) -> None:
    """Wait for all processes and leave the group."""
    if processes.count > 1:
        distributed.barrier()
        distributed.destroy_process_group()


def data_parallel(model: nn.Module, processes: Processes) -> nn.Module:
    """Return `model` wrapped to average gradients over all processes, or `model` itself if there is one process."""
    if processes.count == 1:
        return model
    parallel = DistributedDataParallel(model, gradient_as_bucket_view=True)  # no copy of each averaged gradient
    # Not with every batch: `broadcast_buffers` does it before an evaluation. The argument of this name is deprecated.
    parallel.broadcast_buffers = False
    return parallel


def sum_over_processes(values: Tensor, processes: Processes) -> Tensor:
    """Return the element-wise sum of `values` over all processes."""
    if processes.count == 1:
        return values
    total = values.clone()
    distributed.all_reduce(total)
    return total


def broadcast_value(value: T, processes: Processes) -> T:
    """Return the main process's value in all processes. It is pickled."""
    if processes.count == 1:
        return value
    values = [value]
    distributed.broadcast_object_list(values, 0)
    return values[0]


def broadcast_buffers(model: nn.Module, processes: Processes) -> None:
    """Copy the main process's batch statistics to all processes, so that all evaluate the same model."""
    if processes.count > 1:
        for buffer in model.buffers():
            distributed.broadcast(buffer, 0)
