"""Operations within a training step that would wait for a GPU, counted on the CPU with the backward pass."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from small_runs import DATA, classification, prepare_classes, prepare_scenes, segmentation
from torch.utils._python_dispatch import TorchDispatchMode

from darkroom.datasets.description import Description
from darkroom.training.loop import Run, supervised_objective, train_step
from darkroom.training.parameters import MachineParameters, TaskTraining
from darkroom.training.state import start

CPU = torch.device("cpu")
# Each reads values on the host, has a result whose shape depends on values, or copies a Python list to the device.
WAITS = ("_local_scalar_dense", "nonzero", "bincount", "_unique2", "masked_select", "lift_fresh", "is_nonzero", "equal")


class Waits(TorchDispatchMode):
    """Counts the operations that wait while the mode is on."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name in WAITS:
            self.counts[name] += 1
        return function(*args, **(kwargs or {}))


def waits_of_a_step(parameters: TaskTraining, workers: int = 0) -> Counter[str]:
    """Count over the second step of an epoch: its batch, the step of the optimizer, and the metrics."""
    description = Description.read(DATA)
    size = parameters.input_size(description)
    model = parameters.model.build(description.outputs, size)
    state = start(model, parameters.train, size, CPU, "fp32")
    run = Run(parameters.kind, description.outputs, parameters.train, 0, CPU, "fp32")
    batches = parameters.load_batches(DATA, description, CPU, slice(None), MachineParameters(workers=workers))
    tally = run.metrics.new_tally(run.outputs, CPU)
    stream, objective = batches.train(0), supervised_objective(parameters.train)
    state.model.train()
    waits = Waits()

    def step() -> None:
        for logits, targets, _ in train_step(state, state.model, [next(stream)], run, objective):
            tally.add(logits, targets, run.metrics.loss(logits, targets))

    step()
    with waits:
        step()
    return waits.counts


@pytest.mark.parametrize("optimizer", ["muon", "sgd", "adamw"])
def test_a_step_of_a_classifier_waits_for_nothing(folder: Path, optimizer: str) -> None:
    prepare_classes()
    assert not waits_of_a_step(classification(optimizer=optimizer, clip_norm=1.0))


def test_a_step_of_a_segmentation_waits_for_nothing(folder: Path) -> None:
    prepare_scenes()
    assert not waits_of_a_step(segmentation(batch_size=4), workers=1)  # which loads pairs on the CPU


def test_waits_are_counted() -> None:
    with Waits() as waits:
        values = torch.tensor([1, 2])
        values.nonzero()
        float(values.sum())
        torch.bincount(values)
    assert waits.counts == {"lift_fresh": 1, "nonzero": 1, "_local_scalar_dense": 1, "bincount": 1}
