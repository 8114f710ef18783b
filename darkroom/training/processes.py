"""The processes that train one model together, as torchrun starts them; most often just one."""

import os
from dataclasses import dataclass

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from darkroom.common.errors import UserError


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Attributes:
        rank: its number, from 0.
        count: how many there are.
        local_rank: its number on this machine, which is that of its GPU.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    def tell(self, line: str) -> None:
        """Print a line, once for all processes."""
        if self.writes:
            print(line, flush=True)

    @property
    def share(self) -> slice:
        """Which images of each batch are this process's."""
        return slice(self.rank, None, self.count)

    @property
    def writes(self) -> bool:
        """Whether this is the one that writes files and says how it goes."""
        return self.rank == 0


ALONE = Processes()


def join(device: torch.device) -> Processes:
    """Meet the other processes that torchrun started, if it did.

    https://docs.pytorch.org/docs/stable/elastic/run.html

    Raises:
        UserError: more processes on this machine than it has GPUs.
    """
    if "LOCAL_RANK" not in os.environ:
        return ALONE
    processes = Processes(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))
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
    """Part from the others, after all are done."""
    if processes.count > 1:
        distributed.barrier()
        distributed.destroy_process_group()


def data_parallel(model: nn.Module, processes: Processes) -> nn.Module:
    """The model whose gradients are the mean over all processes; alone, the model itself."""
    return DistributedDataParallel(model) if processes.count > 1 else model


def sum_over_processes(figures: Tensor, processes: Processes) -> Tensor:
    """The sum of `figures` over all processes."""
    if processes.count == 1:
        return figures
    total = figures.clone()
    distributed.all_reduce(total)
    return total


def broadcast_buffers(model: nn.Module, processes: Processes) -> None:
    """Give each process the running statistics of the first, so that all try the same model."""
    if processes.count > 1:
        for buffer in model.buffers():
            distributed.broadcast(buffer, 0)
