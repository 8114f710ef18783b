"""The command `python -m darkroom plan`: say which batches of a task fit into memory, without training."""

import math
from pathlib import Path

import torch

from darkroom.common.errors import UserError
from darkroom.common.platform import free_memory
from darkroom.configuration import task_parameters
from darkroom.datasets.description import Description
from darkroom.device.parameters import DeviceParameters
from darkroom.device.precision import choose_device, choose_precision
from darkroom.training.cost import MEGABYTE
from darkroom.training.memory import data_on_device, needed_memory, predict_step
from darkroom.training.micro_batch import largest_part, part_of
from darkroom.training.parameters import TaskTraining

GIGABYTE = 2**30
FACTORS = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)  # of the batch size in the table


def plan(task: str, memory: float | None, asked: str | None) -> None:
    """Print the memory of a training step for several batch sizes, and what to set so that the task's own fits.

    Args:
        task: the task of params.yaml.
        memory: of the device in GB, of 2^30 bytes; None: what the device has, or what is free beside a processor.
        asked: cpu, cuda or mps, whatever train.bits says; None: the device that training takes. A GPU need not be in
            this machine.

    Raises:
        UserError: params.yaml is wrong, the task is not prepared, or the device is not known.
    """
    if memory is not None and not 0 < memory < math.inf:
        raise UserError(f"--memory {memory}: must be a positive number of GB")
    values = task_parameters(Path("params.yaml"), task)
    training, device_values = values["train"], values["device"]
    assert isinstance(training, TaskTraining) and isinstance(device_values, DeviceParameters)
    folder = Path("data/prepared", task)
    if not (folder / "dataset.json").exists():
        raise UserError(f"{folder}: is missing; run `dvc repro prepare@{task}`")
    description = Description.read(folder)
    bits = "machine" if asked else training.train.bits
    device, precision = _setup_of(training.train.precision, bits, asked or device_values.device)
    limit = round(memory * GIGABYTE) if memory is not None else _memory_of(device)
    data = data_on_device(training, description, device, limit)
    batch_size, micro_batch = training.train.batch_size, training.train.micro_batch

    def tensors_of(batch: int, most: object) -> int:
        part = part_of(batch, most) if isinstance(most, int) else None
        return data + predict_step(training, description, precision, batch, part)

    def fits(part: int) -> bool:
        return needed_memory(tensors_of(batch_size, part), device) <= limit

    print(f"{task}: {training.model.name} on {device} in {precision}, {_megabytes(data)} of data on the device")
    print(f"{'batch':>7} {'tensors':>12} {'in all':>12}")
    for batch in sorted({round(factor * batch_size) for factor in FACTORS}):
        if 2 <= batch <= max(batch_size, description.images["train"]):
            tensors = tensors_of(batch, micro_batch)
            needed = needed_memory(tensors, device)
            notes = ["fits"] if needed <= limit else []
            notes += ["train.batch_size"] if batch == batch_size else []
            print(f"{batch:7} {_megabytes(tensors):>12} {_megabytes(needed):>12}   {', '.join(notes)}".rstrip())

    room = f"{limit / GIGABYTE:.4g} GB"
    part = part_of(batch_size, micro_batch) if isinstance(micro_batch, int) else batch_size
    assert part is not None  # the parameters refuse others
    parts = f" in parts of {part}" if part < batch_size else ""
    predicted = _megabytes(tensors_of(batch_size, part))
    if fits(part):
        print(f"batch_size {batch_size}{parts} fits in {room}: predicted {predicted}")
        return
    smaller = None if training.train.pretrain_epochs else largest_part(batch_size, fits)
    advice = (
        f"set train.micro_batch = {smaller}: predicted {_megabytes(tensors_of(batch_size, smaller))}"
        if smaller
        else "take a smaller train.batch_size or another model"
    )
    print(f"batch_size {batch_size}{parts} does not fit in {room}: predicted {predicted}; {advice}")


def _setup_of(precision: str, bits: str, asked: str) -> tuple[str, str]:
    """Return the type of the device and the precision that training has there.

    For a GPU that is not in this machine, `auto` is the precision of today's GPUs, bf16.
    """
    if asked.startswith("cuda") and bits != "everywhere" and not torch.cuda.is_available():
        return "cuda", "bf16" if precision == "auto" else precision
    device = choose_device(bits, asked)
    return device.type, choose_precision(precision, device, bits)


def _memory_of(device: str) -> int:
    """Return the bytes that a device has, or that programs can still take beside a processor."""
    if device == "cpu":
        return free_memory()
    if device == "mps":
        return torch.mps.recommended_max_memory()
    if not torch.cuda.is_available():
        raise UserError("--memory: is needed, since this machine has no GPU; give the memory of yours in GB")
    return torch.cuda.mem_get_info()[1]


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:,.0f} MB"
