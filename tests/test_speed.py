"""The prediction of a training's time."""

from pathlib import Path

import pytest
import torch
from small_runs import DATA, classification, prepare_classes, prepare_scenes, segmentation

from darkroom.batches.parameters import ImageAugmentation
from darkroom.device.setup import set_up
from darkroom.training import speed
from darkroom.training.kinds.classification import ClassificationTraining
from darkroom.training.parameters import MachineParameters, TaskTraining
from darkroom.training.speed import predict_seconds

IMAGES, VALIDATED = 36, 12  # of the small data set


def predict(monkeypatch: pytest.MonkeyPatch, parameters: TaskTraining) -> float:
    """Return the predicted seconds on a machine where each timed piece of work takes a second."""
    monkeypatch.setattr(speed, "timed", lambda work, _: (work(), 1.0))
    return predict_seconds(parameters, MachineParameters(workers=0), DATA, set_up(), 0)


def test_all_steps_and_validations_count(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_classes()
    parameters = classification(epochs=3, batch_size=9)
    assert predict(monkeypatch, parameters) == 3 * (IMAGES // 9) + 3


def test_pretraining_and_sizes_are_measured_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_classes()
    shapes: list[tuple[int, ...]] = []
    original = speed.train_step

    def noted(state, forward, batches, run, objective):
        shapes.extend(tuple(images.shape) for images, _ in batches)
        return original(state, forward, batches, run, objective)

    monkeypatch.setattr(speed, "train_step", noted)
    values = classification(epochs=3, pretrain_epochs=1, batch_size=9).model_dump()
    augment = ImageAugmentation(flip="none", crop=0, cutout=0, sizes=[16, 16, 24]).model_dump()
    parameters = ClassificationTraining.model_validate(values | {"augment": augment})
    assert predict(monkeypatch, parameters) == 4 * (IMAGES // 9) + 4
    expected = [(18, 3, 16, 16), (9, 3, 16, 16), (9, 3, 24, 24), (9, 3, 32, 32)]
    assert list(dict.fromkeys(shapes)) == expected


def test_steps_change_no_weight_and_count_once_when_accumulated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_scenes()
    weights: list[torch.Tensor] = []
    original = speed.train_step

    def noted(state, forward, batches, run, objective):
        results = original(state, forward, batches, run, objective)
        weights.append(next(state.model.parameters()).detach().clone())
        return results

    monkeypatch.setattr(speed, "train_step", noted)
    parameters = segmentation(epochs=2, warmup_epochs=0, batch_size=2, accumulate=2)
    alone = parameters.model_copy(update={"train": parameters.train.model_copy(update={"accumulate": 1})})
    assert predict(monkeypatch, parameters) < predict(monkeypatch, alone)
    assert len(weights) > 2 and torch.equal(weights[0], weights[1])
