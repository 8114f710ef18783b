"""The command `python -m darkroom plan`: predict memory and time of trainings on a device, without training."""

import math
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from darkroom.common.errors import UserError
from darkroom.common.platform import free_memory
from darkroom.configuration import task_parameters
from darkroom.datasets.description import Description
from darkroom.device.memory import MEGABYTE
from darkroom.device.parameters import DeviceParameters
from darkroom.device.setup import Setup, set_up
from darkroom.studies.declared import PARAMS, configure_run, runs_of_study
from darkroom.training.memory import data_on_device, needed_memory, predict_step
from darkroom.training.micro_batch import largest_part, part_of
from darkroom.training.parameters import MachineParameters, TaskTraining
from darkroom.training.speed import predict_seconds

GIGABYTE = 2**30
PROBE_SECONDS = 30  # of measuring steps
START_SECONDS = 3  # of the stage `train` beside its epochs, mostly imports; measured on two cores (Zen 4)
FACTORS = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)  # of the batch size in the table


@dataclass(frozen=True)
class Planned:
    """A training to plan.

    Attributes:
        training: its parameters.
        machine: parameters that do not change the result.
        data: the folder of its prepared data set.
        description: of the data set.
        setup: device and precision. The device need not be in this machine.
    """

    training: TaskTraining
    machine: MachineParameters
    data: Path
    description: Description
    setup: Setup

    @property
    def device(self) -> str:
        """The type of the device."""
        return self.setup.device.type

    @property
    def where(self) -> str:
        """Device and precision, in words."""
        return f"on {self.device} in {self.setup.precision}"

    def tensors(self, batch: int, most: object, limit: int) -> int:
        """Return the bytes of tensors and data on the device.

        Args:
            batch: images or points in the batch.
            most: of these in the network at once, as `train.micro_batch` says.
            limit: bytes of the device's memory, on which the place of the data depends.
        """
        part = part_of(batch, most) if isinstance(most, int) else None
        data = data_on_device(self.training, self.description, self.device, limit)
        return data + predict_step(self.training, self.description, self.setup.precision, batch, part)

    def seconds(self, budget: float) -> float | None:
        """Return the predicted seconds of the stage `train`; None if the device is not in this machine.

        Args:
            budget: seconds of measuring.
        """
        if self.device == "cuda" and not torch.cuda.is_available():
            return None
        return START_SECONDS + predict_seconds(self.training, self.machine, self.data, self.setup, budget)


def plan(task: str, memory: float | None, asked: str | None) -> None:
    """Print memory and time of a task's training, also the memory for other batch sizes, and what to set if it is less.

    Args:
        task: the task of params.yaml.
        memory: of the device in GB, of 2^30 bytes; None: what the device has, or what is free beside a processor.
        asked: cpu, cuda or mps, whatever train.bits says; None: the device that training takes. A GPU need not be in
            this machine; then no time is predicted.

    Raises:
        UserError: params.yaml is wrong, the task is not prepared, or the device is not known.
    """
    planned = _read(Path("params.yaml"), task, asked)
    limit = _limit_of(memory, planned.device)
    training = planned.training
    data = data_on_device(training, planned.description, planned.device, limit)
    batch_size, micro_batch = training.train.batch_size, training.train.micro_batch

    def fits(part: int) -> bool:
        return needed_memory(planned.tensors(batch_size, part, limit), planned.device) <= limit

    print(f"{task}: {training.model.name} {planned.where}, {_megabytes(data)} of data on the device")
    print(f"{'batch':>7} {'tensors':>12} {'in all':>12}")
    for batch in sorted({round(factor * batch_size) for factor in FACTORS}):
        if 2 <= batch <= max(batch_size, planned.description.images["train"]):
            tensors = planned.tensors(batch, micro_batch, limit)
            needed = needed_memory(tensors, planned.device)
            notes = ["fits"] if needed <= limit else []
            notes += ["train.batch_size"] if batch == batch_size else []
            print(f"{batch:7} {_megabytes(tensors):>12} {_megabytes(needed):>12}   {', '.join(notes)}".rstrip())

    room = f"{limit / GIGABYTE:.4g} GB"
    part = part_of(batch_size, micro_batch) if isinstance(micro_batch, int) else batch_size
    assert part is not None  # the parameters refuse others
    parts = f" in parts of {part}" if part < batch_size else ""
    predicted = _megabytes(planned.tensors(batch_size, part, limit))
    if fits(part):
        print(f"batch_size {batch_size}{parts} fits in {room}: predicted {predicted}")
        if seconds := planned.seconds(PROBE_SECONDS):
            count, epochs = planned.description.images["train"], training.train.pretrain_epochs + training.train.epochs
            print(f"training takes about {_duration(seconds)} here, for {count:,} examples and {epochs} epochs")
        return
    smaller = None if training.train.pretrain_epochs else largest_part(batch_size, fits)
    advice = (
        f"set train.micro_batch = {smaller}: predicted {_megabytes(planned.tensors(batch_size, smaller, limit))}"
        if smaller
        else "take a smaller train.batch_size or another model"
    )
    print(f"batch_size {batch_size}{parts} does not fit in {room}: predicted {predicted}; {advice}")


def plan_study(name: str, scale: str, memory: float | None, asked: str | None) -> None:
    """Print memory and time of each training of a study on the data set that is prepared.

    Args:
        name: of a file in `studies/`, without its suffix.
        scale: of the study.
        memory: as for `plan`.
        asked: as for `plan`.

    Raises:
        UserError: the study or params.yaml is wrong, or the task is not prepared.
    """
    study, runs = runs_of_study(name, scale)
    print(f"{'':24} {'in all':>12} {'training':>10}")
    for run in runs:
        with TemporaryDirectory() as folder:
            configure_run(run, study.task, Path(folder))
            planned = _read(Path(folder, PARAMS), study.task, asked)
        limit, train = _limit_of(memory, planned.device), planned.training.train
        needed = needed_memory(planned.tensors(train.batch_size, train.micro_batch, limit), planned.device)
        seconds = planned.seconds(PROBE_SECONDS / len(runs)) if needed <= limit else None
        note = "" if needed <= limit else f"   does not fit in {limit / GIGABYTE:.4g} GB"
        print(
            f"{run.label:24} {_megabytes(needed):>12} {_duration(seconds) if seconds else '':>10}{note}".rstrip(),
            flush=True,
        )
    print(
        f"{planned.where}, for {planned.description.images['train']:,} training images; the commands: "
        f"python -m darkroom study {name} --scale {scale} --dry"
    )


def _read(params: Path, task: str, asked: str | None) -> Planned:
    """Return the training of a task in the file `params`. The arguments are those of `plan`."""
    values = task_parameters(params, task)
    training, machine, device_values = values["train"], values["machine"], values["device"]
    assert isinstance(training, TaskTraining) and isinstance(machine, MachineParameters)
    assert isinstance(device_values, DeviceParameters)
    folder = Path("data/prepared", task)
    if not (folder / "dataset.json").exists():
        raise UserError(f"{folder}: is missing; run `dvc repro prepare@{task}`")
    bits, where = "machine" if asked else training.train.bits, asked or device_values.device
    description, train = Description.read(folder), training.train
    if where.startswith("cuda") and bits != "everywhere" and not torch.cuda.is_available():
        precision = "bf16" if train.precision == "auto" else train.precision  # of today's GPUs
        return Planned(training, machine, folder, description, Setup(torch.device("cuda"), precision))
    setup = set_up(bits, train.precision, train.deterministic, where)
    return Planned(training, machine, folder, description, setup)


def _limit_of(memory: float | None, device: str) -> int:
    """Return the bytes of memory to plan with. The arguments are those of `plan`."""
    if memory is None:
        return _memory_of(device)
    if not 0 < memory < math.inf:
        raise UserError(f"--memory {memory}: must be a positive number of GB")
    return round(memory * GIGABYTE)


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


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
