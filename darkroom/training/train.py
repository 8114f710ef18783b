"""The stage `train`: train a model on a prepared data set and write its file."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from darkroom.batches.whole import whole_split
from darkroom.common.errors import UserError
from darkroom.common.files import remove, write_json
from darkroom.common.randomness import seed_for
from darkroom.datasets.description import Description
from darkroom.device.numerics import find_bits_mismatch, hash_numerics
from darkroom.device.precision import choose_device
from darkroom.device.setup import Setup, set_up
from darkroom.models.architecture import trained_weights
from darkroom.models.model_file import Card, save_model
from darkroom.training.calibration import fit_temperature
from darkroom.training.cost import write_costs
from darkroom.training.failures import OutOfMemory
from darkroom.training.history import summary, write_history
from darkroom.training.loop import Run, fit, predict
from darkroom.training.memory import choose_micro_batch, release_memory
from darkroom.training.micro_batch import part_of
from darkroom.training.parameters import Batches, MachineParameters, TaskTraining
from darkroom.training.processes import ALONE, Processes, broadcast_value, join, leave
from darkroom.training.state import State, fingerprint, load, restore, save, start


@dataclass(frozen=True)
class Outputs:
    """The files that a training writes.

    Attributes:
        model: the trained model.
        history: the metrics of every epoch, CSV.
        report: the metrics of the epoch whose weights are kept, JSON.
        state: the state from which an interrupted training resumes. It is deleted at the end.
        costs: time and memory, JSON.
    """

    model: Path
    history: Path
    report: Path
    state: Path
    costs: Path


def train(
    parameters: TaskTraining, machine: MachineParameters, data: Path, outputs: Outputs, where: str = "auto"
) -> None:
    """Train a model. If an earlier training with the same parameters was interrupted, resume it.

    Args:
        parameters: of the stage `train`.
        machine: parameters that do not change the result.
        data: the folder of the prepared data set.
        outputs: the files to write.
        where: the device, as in params.yaml.

    Raises:
        UserError: the parameters do not fit each other, the data or the device.
        KeyboardInterrupt: Ctrl-C, after a printed line on how to go on.
    """
    bits = parameters.train.bits
    setup = set_up(bits, parameters.train.precision, parameters.train.deterministic, where)
    device, precision = setup.device, setup.precision
    processes = join(device)
    if processes.count > 1 and ":" in where:
        raise UserError(f"params.yaml: device = {where}: every process takes its own GPU; set it to cuda")
    numerics = hash_numerics(device, precision)
    if bits == "everywhere":
        processes.print(_line_about_bits(numerics))
    if device.type == "mps" and parameters.train.deterministic:
        processes.print("equal runs may differ slightly: MPS has no deterministic algorithm for pooling, for example")
    description = Description.read(data)
    if parameters.train.patience is not None and not description.images["validation"]:
        raise UserError("params.yaml: train.patience: there is no validation split; set it to null")
    batch_size = parameters.train.batch_size
    if batch_size % processes.count:
        raise UserError(
            f"params.yaml: train.batch_size = {batch_size}: {processes.count} processes cannot share it evenly"
        )
    is_auto = parameters.train.micro_batch == "auto"
    state, batches, run = begin(parameters, machine, data, description, setup, processes)
    count = f", {processes.count} processes" if processes.count > 1 else ""
    weights = trained_weights(state.model)
    processes.print(f"{parameters.model.name}, {weights:,} weights, on {device.type} in {precision}{count}")
    key, saved = "", None
    if processes.is_main:  # the others may lie on machines without the file
        key = fingerprint(parameters, data, device, precision, processes.count, numerics)
        if outputs.state.exists():
            saved = load(outputs.state, key)
            if saved is None:
                print(f"{outputs.state} has other parameters, data or code: starting from scratch", flush=True)
    saved = broadcast_value(saved, processes)
    if saved is not None:
        restore(state, saved)
        processes.print(f"resuming after epoch {len(state.history)} of an interrupted training")
    elif is_auto:
        state.micro_batch = choose_micro_batch(parameters, description, state, batches, run)
        print(f"train.micro_batch = auto: {state.micro_batch or 'the whole batch'} at once", flush=True)
        save(state, outputs.state, key)

    def after_epoch(state: State) -> None:
        if processes.is_main:
            write_history(outputs.history, state.history)
            write_costs(outputs.costs, state.costs, device, precision, numerics, state.micro_batch)
            save(state, outputs.state, key)

    def fit_rest() -> int | None:
        """Train up to the last epoch. Return None, or a smaller micro batch if an epoch did not fit into memory."""
        try:
            fit(state, batches, lambda: whole_split(data, description, "validation", device), run, after_epoch)
        except OutOfMemory:
            smaller = part_of(batch_size, (state.micro_batch or batch_size) // 2) if is_auto else None
            if smaller is None:
                raise
            return smaller
        return None

    try:
        while smaller := fit_rest():
            release_memory(state, device)  # after the exception is gone, whose traceback holds the activations
            last = load(outputs.state, key)
            if last is None:
                raise UserError(f"{outputs.state}: cannot be read any more; run again")
            restore(state, last)
            state.micro_batch = smaller
            save(state, outputs.state, key)
            print(f"out of memory: going on after epoch {len(state.history)} with train.micro_batch = {smaller}")
    except KeyboardInterrupt:
        processes.print(f"\nstopped; the next `dvc repro` goes on from epoch {len(state.history)} or later")
        raise
    leave(processes)
    if not processes.is_main:
        return

    write_history(outputs.history, state.history)
    report: dict[str, Any] = summary(state.history, description.score, parameters.train.keep)
    report |= {"device": device.type, "precision": precision, "bits": bits}
    state.model.load_state_dict(state.kept)
    temperature = 1.0
    if description.outputs > 1:  # of classes, not of a number
        validation = whole_split(data, description, "validation", device)
        temperature = fit_temperature(predict(state.model, validation, replace(run, processes=ALONE)))
        report["temperature"] = temperature
    write_json(outputs.report, report)
    size = parameters.input_size(description)
    card = Card(
        description.kind, parameters.model.model_dump(), description.classes, list(size), description.mean,
        description.std, precision, description.target_mean, description.target_std, temperature,
    )  # fmt: skip
    save_model(outputs.model, state.model, card)
    remove(outputs.state)


def begin(
    parameters: TaskTraining,
    machine: MachineParameters,
    data: Path,
    description: Description,
    setup: Setup,
    processes: Processes = ALONE,
) -> tuple[State, Batches, Run]:
    """Return what a training needs before its first epoch: its state, its batches and its settings.

    Args:
        parameters: of the stage `train`.
        machine: parameters that do not change the result.
        data: the folder of the prepared data set.
        description: of the data set.
        setup: device and precision.
        processes: the processes that train together.

    Raises:
        UserError: the parameters do not fit the data or the processes.
    """
    device, precision = setup.device, setup.precision
    share, micro_batch = parameters.train.batch_size // processes.count, parameters.train.micro_batch
    part = part_of(share, micro_batch) if isinstance(micro_batch, int) else share
    if processes.count > 1 and (micro_batch == "auto" or part is None):
        raise UserError(
            f"params.yaml: train.micro_batch = {micro_batch}: each of {processes.count} processes gets {share} of a "
            "batch; set it to a number that divides them evenly"
        )
    size = parameters.input_size(description)
    torch.manual_seed(seed_for(parameters.seed, "weights"))
    model = parameters.model.build(description.outputs, size)
    parameters.check_model(model, description)

    batches = parameters.load_batches(data, description, device, processes.share, machine)
    parameters.model.initialize(model, batches.sample)
    if parameters.train.synchronize_norms and processes.count > 1 and device.type == "cuda":
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call] # torch leaves it untyped
    model = model.to(device).to(memory_format=torch.channels_last)
    state = start(model, parameters.train, size, device, precision, parameters.model.bias_lr_factor)
    state.micro_batch = None if part == share else part
    run = Run(
        parameters.kind, description.outputs, parameters.train, parameters.seed, device, precision,
        partial(parameters.model.predict, image_size=size), processes, description.target_std,
    )  # fmt: skip
    return state, batches, run


def _line_about_bits(numerics: str) -> str:
    """Return the line that says whether this machine gives the bits of the committed dvc.lock."""
    gpu = (
        "; the GPU is not used, since its bits differ: -S train.bits=machine uses it"
        if choose_device().type != "cpu"
        else ""
    )
    reason = find_bits_mismatch(numerics)
    if reason:
        return f"results may differ slightly from the committed dvc.lock: {reason}{gpu}"
    return f"the same bits on every x86-64 processor{gpu}"
