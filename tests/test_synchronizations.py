"""A training step never waits for the GPU: the operations that would wait are counted, on the CPU."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from small_runs import DATA, classification, prepare_classes, prepare_scenes, segmentation
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import darkroom.batches.policies
from darkroom.batches.parameters import ImageAugmentation
from darkroom.common.named import names_in
from darkroom.datasets.description import Description
from darkroom.training.loop import Run, supervised_objective, train_step
from darkroom.training.parameters import MachineParameters, TaskTraining
from darkroom.training.state import start

CPU = torch.device("cpu")
# Operations that read values on the host, have a result whose shape depends on values, or copy a list to the device.
SYNCHRONIZING = (
    "_local_scalar_dense", "nonzero", "bincount", "_unique2", "masked_select", "lift_fresh", "is_nonzero", "equal",
)  # fmt: skip


class SynchronizationCounter(TorchDispatchMode):
    """Counts the operations that would wait for the GPU while the mode is active."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        masks = [v for v in tree_leaves(args[1:2]) if isinstance(v, torch.Tensor) and v.dtype == torch.bool]
        if name in SYNCHRONIZING or (name in ("index", "index_put_") and masks):  # the pixels of a mask are counted
            self.counts[name] += 1
        return function(*args, **(kwargs or {}))


def count_synchronizations(parameters: TaskTraining, workers: int = 0) -> Counter[str]:
    """Count in the second step of an epoch: loading the batch, forward and backward pass, optimizer and metrics."""
    description = Description.read(DATA)
    size = parameters.input_size(description)
    model = parameters.model.build(description.outputs, size)
    state = start(model, parameters.train, size, CPU, "fp32")
    run = Run(parameters.kind, description.outputs, parameters.train, 0, CPU, "fp32")
    batches = parameters.load_batches(DATA, description, CPU, slice(None), MachineParameters(workers=workers))
    tally = run.metrics.new_tally(run.outputs, CPU)
    stream, objective = batches.train(0), supervised_objective(parameters.train)
    state.model.train()
    counter = SynchronizationCounter()

    def step() -> None:
        for logits, targets, _ in train_step(state, state.model, [next(stream)], run, objective):
            tally.add(logits, targets, run.metrics.loss(logits, targets))

    step()
    with counter:
        step()
    return counter.counts


@pytest.mark.parametrize("optimizer", ["muon", "sgd", "adamw"])
def test_step_of_a_classifier_does_not_wait(folder: Path, optimizer: str) -> None:
    prepare_classes()
    assert not count_synchronizations(classification(optimizer=optimizer, clip_norm=1.0))


@pytest.mark.parametrize("policy", names_in(darkroom.batches.policies.__name__))
def test_step_with_every_augmentation_does_not_wait(folder: Path, policy: str) -> None:
    prepare_classes()
    augment = ImageAugmentation(flip="random", crop=2, cutout=4, policy=policy, jitter=0.4, mixup=0.4, cutmix=1.0)
    assert not count_synchronizations(classification().model_copy(update={"augment": augment}))


def test_step_of_a_segmentation_model_does_not_wait(folder: Path) -> None:
    prepare_scenes()
    assert not count_synchronizations(segmentation(batch_size=4), workers=1)  # the worker loads pairs on the CPU


def test_synchronizing_operations_are_counted() -> None:
    with SynchronizationCounter() as counter:
        values = torch.tensor([1, 2])
        values.nonzero()
        float(values.sum())
        torch.bincount(values)
        values[values > 1]
    assert counter.counts == {"lift_fresh": 1, "nonzero": 1, "_local_scalar_dense": 1, "bincount": 1, "index": 1}
