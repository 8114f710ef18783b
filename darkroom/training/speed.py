"""How long a training takes on this machine, predicted from some of its steps."""

import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TypeVar

import torch

from darkroom.batches.whole import whole_split
from darkroom.common.progress import progress
from darkroom.datasets.description import Description
from darkroom.device.setup import Setup
from darkroom.training.failures import explain
from darkroom.training.loop import Phase, Run, evaluate, phases_of, train_step
from darkroom.training.micro_batch import split_batches
from darkroom.training.parameters import Batches, MachineParameters, TaskTraining
from darkroom.training.state import State
from darkroom.training.train import begin

T = TypeVar("T")
LEAST_STEPS = 3  # the first warms up and does not count


def predict_seconds(
    parameters: TaskTraining, machine: MachineParameters, data: Path, setup: Setup, budget: float
) -> float:
    """Return the seconds that the epochs of a training take, with validation, without the start of the process.

    Some steps are made for each size that inputs have in the course of the training, and one batch is validated.

    Args:
        parameters: of the stage `train`.
        machine: parameters that do not change the result.
        data: the folder of the prepared data set.
        setup: device and precision.
        budget: seconds that all these steps should take. Each size gets three steps at least.

    Raises:
        UserError: the parameters do not fit the data, or memory ran out.
    """
    description = Description.read(data)
    state, batches, run = begin(parameters, machine, data, description, setup)
    # The epochs of a phase that have inputs of the same size take equally long.
    alike = [
        (phase, size, count)
        for phase in phases_of(state, batches, run)
        for size, count in Counter(map(parameters.scale_of, range(phase.start, phase.start + phase.epochs))).items()
    ]
    total = 0.0
    bar = progress(len(alike), "measuring steps", unit="size", lines=False)
    for phase, size, count in alike:
        epochs = range(phase.start, phase.start + phase.epochs)
        first = next(epoch for epoch in epochs if parameters.scale_of(epoch) == size)
        try:
            seconds = seconds_per_batch(state, batches, run, phase, first, budget / len(alike))
        except RuntimeError as error:
            raise explain(error, parameters.train, "in the steps that are measured") from None
        total += count * batches.steps * seconds
        bar.update(1)
    bar.close()
    return total + sum(count for _, _, count in alike) * validation_seconds(state, data, description, run)


def seconds_per_batch(state: State, batches: Batches, run: Run, phase: Phase, epoch: int, budget: float) -> float:
    """Return the median seconds of training on a batch of an epoch, by steps at a learning rate of 0.

    Args:
        state: before the first epoch.
        batches: of the training split.
        run: the settings.
        phase: that the epoch belongs to.
        epoch: its index.
        budget: seconds that the steps should take.
    """
    for group in state.optimizer.param_groups:
        group["lr"] = 0.0
    state.model.train()
    tally = run.metrics.new_tally(run.outputs, run.device, unit=run.unit)
    stream = iter(phase.batches(epoch))
    seconds: list[float] = []

    def step() -> bool:
        group = list(islice(stream, run.parameters.accumulate))
        if len(group) == run.parameters.accumulate:
            parts = split_batches(group, state.micro_batch)
            for outputs, targets, _ in train_step(state, state.model, parts, run, phase.objective):
                tally.add(outputs, targets, run.metrics.loss(outputs, targets))
        return len(group) == run.parameters.accumulate

    started = time.perf_counter()
    while len(seconds) < LEAST_STEPS or time.perf_counter() - started < budget:
        made, taken = timed(step, run.device)
        if not made:
            break
        seconds.append(taken)
    return median(seconds[1:] or seconds or [0.0]) / run.parameters.accumulate


def validation_seconds(state: State, data: Path, description: Description, run: Run) -> float:
    """Return the seconds of validating once, from those of its first batch."""
    first = list(islice(whole_split(data, description, "validation", run.device), 1))
    if not first:
        return 0.0
    evaluate(state.evaluated, first, run)  # warms up
    _, seconds = timed(lambda: evaluate(state.evaluated, first, run), run.device)
    return seconds * description.images["validation"] / len(first[0][0])


def timed(work: Callable[[], T], device: torch.device) -> tuple[T, float]:
    """Return what `work` returns, and the seconds until the device has done it."""
    started = time.perf_counter()
    result = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return result, time.perf_counter() - started
