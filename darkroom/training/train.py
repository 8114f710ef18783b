"""From a prepared data set to a trained model's file."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from darkroom.batches.whole import whole_split
from darkroom.common.errors import UserError
from darkroom.common.files import remove, write_json
from darkroom.common.randomness import seed_for
from darkroom.datasets.description import Description
from darkroom.device.allocator import keep_freed_memory
from darkroom.device.numerics import find_bits_mismatch, hash_numerics
from darkroom.device.precision import choose_device, choose_precision, fix_algorithms
from darkroom.models.architecture import trained_weights
from darkroom.models.model_file import Card, save_model
from darkroom.training.cost import write_costs
from darkroom.training.history import summary, write_history
from darkroom.training.loop import Run, fit
from darkroom.training.parameters import MachineParameters, TaskTraining
from darkroom.training.processes import join, leave
from darkroom.training.state import State, fingerprint, restore, save, start


@dataclass(frozen=True)
class Outputs:
    """Where a run writes.

    Attributes:
        model: the trained model.
        history: the figures of every epoch, CSV.
        report: the figures of the epoch that was kept, JSON.
        state: what an interrupted run goes on from; deleted at the end.
        costs: times and memory, which differ from run to run, JSON.
    """

    model: Path
    history: Path
    report: Path
    state: Path
    costs: Path


def train(parameters: TaskTraining, machine: MachineParameters, data: Path, outputs: Outputs) -> None:
    """Train a model on the prepared data set in `data`, from where a killed run left off.

    Raises:
        UserError: parameters that do not fit each other, the data or the device.
        KeyboardInterrupt: Ctrl-C, after a line that says how to go on.
    """
    bits = parameters.train.bits
    keep_freed_memory()
    fix_algorithms(parameters.train.deterministic, bits)
    device = choose_device(bits)
    processes = join(device)
    precision = choose_precision(parameters.train.precision, device, bits)
    numerics = hash_numerics(device, precision)
    if bits == "everywhere":
        processes.tell(_which_bits(numerics))
    description = Description.read(data)
    if parameters.train.patience is not None and not description.images["validation"]:
        raise UserError("params.yaml: train.patience: there is no validation split to wait for; set it to null")
    if parameters.train.batch_size % processes.count:
        raise UserError(
            f"params.yaml: train.batch_size = {parameters.train.batch_size}: {processes.count} processes cannot share "
            "it evenly"
        )
    size = parameters.input_size(description)
    torch.manual_seed(seed_for(parameters.seed, "weights"))
    model = parameters.model.build(description.outputs, size)

    batches = parameters.load_batches(data, description, device, processes.share, machine)
    parameters.model.initialize(model, batches.sample)
    if parameters.train.synchronize_norms and processes.count > 1 and device.type == "cuda":
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    model = model.to(device, memory_format=torch.channels_last)
    together = f", {processes.count} processes" if processes.count > 1 else ""
    processes.tell(
        f"{parameters.model.name}, {trained_weights(model):,} weights, on {device.type} in {precision}{together}"
    )

    state = start(model, parameters.train, device, precision, parameters.model.bias_lr_factor)
    key = fingerprint(parameters, data, device, precision, processes.count, numerics)
    if outputs.state.exists():
        if restore(state, outputs.state, key):
            processes.tell(f"going on after epoch {len(state.history)}, where an earlier run stopped")
        else:
            processes.tell(f"{outputs.state} is of other parameters, data or code: starting afresh")

    def after_epoch(state: State) -> None:
        if processes.writes:
            write_history(outputs.history, state.history)
            write_costs(outputs.costs, state.costs, device, precision, numerics)
            save(state, outputs.state, key)

    run = Run(
        parameters.kind, description.outputs, parameters.train, parameters.seed, device, precision,
        partial(parameters.model.predict, image_size=size), processes, description.target_std,
    )  # fmt: skip
    try:
        fit(state, batches, lambda: whole_split(data, description, "validation", device), run, after_epoch)
    except KeyboardInterrupt:
        processes.tell(f"\nstopped; the next `dvc repro` goes on from epoch {len(state.history)} or later")
        raise
    leave(processes)
    if not processes.writes:
        return

    write_history(outputs.history, state.history)
    report = summary(state.history, description.score, parameters.train.keep)
    write_json(outputs.report, report | {"device": device.type, "precision": precision, "bits": bits})
    model.load_state_dict(state.kept)
    card = Card(
        description.kind, parameters.model.model_dump(), description.classes, list(size), description.mean,
        description.std, precision, description.target_mean, description.target_std,
    )  # fmt: skip
    save_model(outputs.model, model, card)
    remove(outputs.state)


def _which_bits(numerics: str) -> str:
    """The line that training for the same bits everywhere begins with, on a machine of this hash."""
    other = find_bits_mismatch(numerics)
    if other:
        return f"the committed dvc.lock may not be met here, and figures differ a little: {other}"
    gpu = "; the GPU would compute others: -S train.bits=machine takes it" if torch.cuda.is_available() else ""
    return f"the same bits on every x86-64 processor{gpu}"
