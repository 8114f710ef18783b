"""Several experiments' classifiers as one."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import DATA, NARROW, classification, evaluated, prepare_classes, trained

from darkroom.commands.ensemble import METHODS, ensemble
from darkroom.common.errors import UserError
from darkroom.common.files import read_json

METHOD_NAMES = ["mean", "vote", "weighted", "stack"]


def answers(models: int, images: int, seed: int, worst: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities float64 (models, images, 3) of models that are worse and worse, and the labels (images,)."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (images,), generator=draw)
    logits = torch.randn(models, images, 3, generator=draw, dtype=torch.float64)
    logits[:, torch.arange(images), labels] += torch.linspace(3, worst, models)[:, None]
    return logits.softmax(2), labels


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_joined_answers_are_probabilities(method: str) -> None:
    (validation, labels), (test, _) = answers(3, 60, 0), answers(3, 20, 1)
    joined, _ = METHODS[method](test, validation, labels)
    assert joined.shape == (20, 3) and joined.min() >= 0
    assert torch.allclose(joined.sum(1), torch.ones(20, dtype=torch.float64))
    again, _ = METHODS[method](test[[2, 0, 1]], validation[[2, 0, 1]], labels)
    assert torch.allclose(joined, again, atol=1e-4), "the order of the models means nothing"


def test_vote_counts_heads_and_breaks_ties_by_confidence() -> None:
    test = torch.tensor([
        [[0.6, 0.4, 0.0], [0.9, 0.1, 0.0]],
        [[0.6, 0.4, 0.0], [0.3, 0.7, 0.0]],
        [[0.0, 1.0, 0.0], [0.2, 0.0, 0.8]],
    ]).double()  # fmt: skip
    assert METHODS["vote"](test, test, torch.zeros(2))[0].argmax(1).tolist() == [0, 0]
    assert METHODS["mean"](test, test, torch.zeros(2))[0].argmax(1).tolist() == [1, 0]


def test_weights_are_the_likeliest() -> None:
    """Held against a search over all pairs of weights."""
    validation, labels = answers(2, 400, 0, worst=2.8)
    _, weights = METHODS["weighted"](validation, validation, labels)
    shares = torch.linspace(0, 1, 1001, dtype=torch.float64)
    first, second = validation[:, torch.arange(400), labels]
    likelihood = (shares[:, None] * first + (1 - shares[:, None]) * second).log().sum(1)
    assert float(weights[0]) == pytest.approx(float(shares[likelihood.argmax()]), abs=2e-3)
    assert 0 < weights[0] < 1


def test_stacking_learns_what_a_mean_cannot() -> None:
    """A model that calls every class by the next one's name knows all there is to know."""
    (validation, labels), (test, true) = answers(1, 600, 0), answers(1, 300, 1)
    moved = [torch.cat([own.roll(1, 2), torch.full_like(own, 1 / 3)]) for own in (validation, test)]
    right = {name: (METHODS[name](moved[1], moved[0], labels)[0].argmax(1) == true).double().mean() for name in METHODS}
    assert right["stack"] > 0.8 > 0.3 > right["mean"]
    absent = METHODS["stack"](test, validation[:, labels < 2], labels[labels < 2])[0]
    assert (absent[:, 2] == 0).all(), "a class that no validation image shows"


@pytest.fixture
def experiments(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two experiments' predictions in folders `a` and `b`, read from there instead of from DVC."""
    prepare_classes()
    for name, widths in (("a", [8, 8, 8]), ("b", [8, 8, 16])):
        trained(classification(NARROW | {"widths": widths}, epochs=3))
        evaluated()
        target = Path(name, "data/predictions/own")
        target.parent.mkdir(parents=True)
        Path("predictions").rename(target)
    place = Path("data/prepared/own")
    place.parent.mkdir(parents=True)
    DATA.rename(place)
    monkeypatch.setattr("darkroom.commands.ensemble.read_at", lambda path, revision: Path(revision, path).read_bytes())
    monkeypatch.setattr(
        "darkroom.commands.predictions.read_at", lambda path, revision: Path(revision, path).read_bytes()
    )


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_ensemble_writes_what_the_pipeline_writes(
    method: str, experiments: None, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    ensemble("own", ["a", "b"], method, Path("out"), True)
    told = json.loads(capsys.readouterr().out)
    report = read_json(Path("out/test.json"))
    assert told["accuracy_alone"].keys() == {"a", "b"} and told["accuracy"] == report["accuracy"]
    assert {path.name for path in Path("out/predictions").iterdir()} == {
        "confusion.npy", "logits.npy", "predictions.csv", "calibration.csv", "classes.csv",
    }  # fmt: skip
    assert {"confusion.png", "reliability.png", "classes.csv"} <= {path.name for path in Path("out/plots").iterdir()}
    labels = np.load("data/prepared/own/test_labels.npy")
    assert np.mean(np.load("out/predictions/logits.npy").argmax(1) == labels) == pytest.approx(report["accuracy"])


def test_what_cannot_be_joined_is_one_line(experiments: None, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        ((["a"], "mean"), "a: an ensemble takes at least two"),
        ((["a", "b"], "average"), "--method average: must be one of mean, vote"),
    ):
        with pytest.raises(UserError, match=message):
            ensemble("own", *arguments, None, False)
    kept = Path("b/data/predictions/own")
    labels = np.load(kept / "validation_labels.npy")
    np.save(kept / "validation_labels.npy", 1 - labels)
    with pytest.raises(UserError, match="own: b has different validation images than a"):
        ensemble("own", ["a", "b"], "mean", None, False)
    np.save(kept / "validation_labels.npy", labels)
    for name in ("a", "b"):
        for array in ("validation_labels", "validation_logits"):
            path = Path(name, "data/predictions/own", f"{array}.npy")
            np.save(path, np.load(path)[:0])
    with pytest.raises(UserError, match="no validation images to fit on"):
        ensemble("own", ["a", "b"], "stack", None, False)
    Path("data/prepared/own/test_labels.npy").write_bytes(Path("data/prepared/own/validation_labels.npy").read_bytes())
    with pytest.raises(UserError, match="own: a was evaluated on different test images than data/prepared/own has"):
        ensemble("own", ["a", "b"], "mean", None, False)
    logits = Path("b/data/predictions/own/logits.npy")
    np.save(logits, np.load(logits)[:, :1])
    with pytest.raises(UserError, match="own: b has different images or classes than a"):
        ensemble("own", ["a", "b"], "mean", None, False)
