"""The temperature of a model file: how it is fitted, and that everything which predicts uses it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import CPU, DATA, METRICS, MODEL, classification, prepare_classes, prepare_scenes, segmentation, trained

from darkroom.common.files import read_json
from darkroom.common.numbers import IGNORE_INDEX
from darkroom.datasets.description import Description
from darkroom.evaluation.classifier import error_of_logits
from darkroom.evaluation.evaluate import evaluate
from darkroom.evaluation.inference import TrainedModel, logits_of
from darkroom.evaluation.parameters import EvaluateParameters
from darkroom.metrics.classes import SAMPLED_PIXELS, sample_targets
from darkroom.models.model_file import load_model, save_model
from darkroom.training.calibration import HIGHEST, LOWEST, fit_temperature


def drawn(images: int, classes: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits, and targets that are drawn from their softmax: perfectly calibrated."""
    draw = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(images, classes, generator=draw)
    return logits, torch.multinomial(logits.softmax(1), 1, generator=draw)[:, 0]


@pytest.mark.parametrize("factor", [0.2, 1.0, 3.0])
def test_the_temperature_undoes_a_factor(factor: float) -> None:
    logits, targets = drawn(20_000)
    batches = zip((factor * logits).split(1_000), targets.split(1_000), strict=True)
    temperature = fit_temperature(batches)
    assert temperature == pytest.approx(factor, rel=0.03)
    assert error_of_logits(factor * logits / temperature, targets) < 0.012
    if factor != 1:
        assert error_of_logits(factor * logits, targets) > 0.1


def test_a_model_without_an_error_does_not_become_certain() -> None:
    logits, _ = drawn(100)
    perfect = fit_temperature([(logits, logits.argmax(1))])
    confidence = (logits / perfect).softmax(1).max(1).values.mean()
    assert LOWEST < perfect < 1
    assert 0.9 < confidence < 0.999


def test_a_useless_model_and_no_images() -> None:
    logits, targets = drawn(1_000)
    assert fit_temperature([(logits, targets.roll(7))]) > 5
    assert fit_temperature([(50 * logits, targets.roll(7))]) <= HIGHEST
    assert fit_temperature([]) == 1.0
    assert fit_temperature([(logits[:0], targets[:0])]) == 1.0


def test_ignored_pixels_do_not_count_and_images_count_alike() -> None:
    logits, targets = torch.randn(2, 3, 100, 90), torch.zeros(2, 100, 90, dtype=torch.int64)
    targets[1, 50:] = IGNORE_INDEX
    rows, ids = sample_targets(logits, targets)
    assert 1_500 < len(ids) <= 2 * SAMPLED_PIXELS
    assert (ids == 0).all()
    assert torch.equal(rows[0], logits[0, :, 0, 0])
    assert torch.equal(rows[1], logits[0, :, 0, 5]), "9,000 pixels, every fifth"


@pytest.mark.parametrize("kind", ["classification", "segmentation"])
def test_training_fits_it_and_evaluation_uses_it(kind: str, folder: Path) -> None:
    is_classes = kind == "classification"
    (prepare_classes if is_classes else prepare_scenes)()
    trained(classification(label_smoothing=0.3) if is_classes else segmentation(epochs=2, batch_size=2, lr=0.003))
    model, card = load_model(MODEL, CPU)
    assert card.temperature == read_json(METRICS / "train.json")["temperature"] != 1.0
    plain = replace(card, temperature=1.0)
    description = Description.read(DATA)
    of_file, uncalibrated = (
        list(TrainedModel(model, one, DATA, description, CPU).batches("validation")) for one in (card, plain)
    )
    for (_, _, divided), (_, _, raw) in zip(of_file, uncalibrated, strict=True):
        assert torch.equal(divided, raw / card.temperature)
    assert fit_temperature([(raw, targets) for _, targets, raw in uncalibrated]) == card.temperature

    save_model(MODEL, model, card)
    evaluate(EvaluateParameters(kind=kind), MODEL, DATA, METRICS / "train.json", Path("out"), METRICS / "test.json")
    after = read_json(METRICS / "test.json")
    save_model(MODEL, model, plain)
    evaluate(EvaluateParameters(kind=kind), MODEL, DATA, METRICS / "train.json", Path("raw_out"), METRICS / "test.json")
    before = read_json(METRICS / "test.json")
    assert before["expected_calibration_error"] == before["uncalibrated_error"]
    assert after["uncalibrated_error"] == pytest.approx(before["uncalibrated_error"], abs=1e-5)
    assert after["expected_calibration_error"] != before["expected_calibration_error"]
    assert after["loss"] != before["loss"]
    score = description.score
    assert after[score] == before[score], "the order of the classes stays"
    if is_classes:
        assert after["expected_calibration_error"] < before["expected_calibration_error"]
        assert np.allclose(np.load("out/logits.npy") * card.temperature, np.load("raw_out/logits.npy"), atol=1e-5)


def test_without_a_validation_split_it_is_one(folder: Path) -> None:
    prepare_classes(validation=0)
    trained(classification(epochs=1))
    _, card = load_model(MODEL, CPU)
    assert card.temperature == 1.0 == read_json(METRICS / "train.json")["temperature"]


def test_older_model_files_have_none(folder: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    prepare_classes()
    trained(classification(epochs=1))
    with safe_open(MODEL, "pt") as file:
        content = json.loads(file.metadata()["darkroom"])
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no dict
    del content["temperature"]
    save_file(weights, MODEL, {"darkroom": json.dumps(content)})
    model, card = load_model(MODEL, CPU)
    images = torch.randn(2, 3, *card.image_size)
    assert torch.equal(logits_of(model, card, images), logits_of(model, replace(card, temperature=1.0), images))
