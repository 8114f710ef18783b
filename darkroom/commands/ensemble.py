"""Combine the classifiers of several experiments, from their stored logits. No model is trained."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from darkroom.commands.compare import as_text
from darkroom.commands.kinds import commands_of
from darkroom.commands.predictions import predictions_at
from darkroom.common.errors import UserError
from darkroom.common.files import replacing, write_json
from darkroom.common.numbers import DIGITS
from darkroom.datasets.description import Description
from darkroom.datasets.packed import read_split
from darkroom.evaluation.classifier import evaluate_logits
from darkroom.figures.kinds import draw_kind
from darkroom.revisions import read_at

WEIGHT_STEPS = 500
STACKER_C = 1e-2  # inverse strength of the regularization; strong, since the models' predictions are highly correlated
LEAST = 1e-9  # probabilities are at least this large before their logarithm is taken


def ensemble(task: str, revisions: list[str], method: str, out: Path | None, as_json: bool) -> None:
    """Print the test metrics of several classifiers combined, and the accuracy of each alone.

    Args:
        task: the task's name.
        revisions: at least two git revisions, names of experiments, or `workspace`.
        method: a key of `METHODS`.
        out: a new folder for `test.json`, `predictions/` and `plots/`, as the pipeline writes them. None: nothing is
            written.
        as_json: print JSON.

    Raises:
        UserError: logits cannot be read, or belong to different images or classes; or the method is unknown.
    """
    if method not in METHODS:
        raise UserError(f"--method {method}: must be one of {', '.join(METHODS)}")
    if len(revisions) < 2:
        raise UserError(f"{revisions[0]}: an ensemble takes at least two experiments")
    if out is not None and out.exists():
        raise UserError(f"{out}: exists already; give a new folder or remove it")
    data = Path("data/prepared", task)
    description = Description.read(data)
    if not commands_of(description.kind).CAN_JOIN:
        raise UserError(f"{task}: is a {description.kind}; only classifiers of images keep logits for an ensemble")
    test, validation, labels = _read_probabilities(task, revisions)
    _, targets = read_split(data, "test")
    names = np.array(description.classes)
    for revision in revisions:
        if list(predictions_at(task, revision)["true"]) != list(names[targets]):
            raise UserError(f"{task}: {revision} was evaluated on different test images than data/prepared/{task} has")
    joined, weights = METHODS[method](test, validation, labels)

    results: dict[str, Any] = {"task": task, "method": method}
    if weights is not None:
        results["weights"] = dict(zip(revisions, weights.tolist(), strict=True))
    results["accuracy_alone"] = {
        revision: round(float((probabilities.argmax(1).numpy() == targets).mean()), DIGITS)
        for revision, probabilities in zip(revisions, test, strict=True)
    }
    with TemporaryDirectory() as temporary:
        folder = out or Path(temporary, "ensemble")
        with replacing(folder) as place:
            (place / "predictions").mkdir(parents=True)
            logits = joined.clamp(min=LEAST).log().float()
            report = evaluate_logits(description.classes, logits, torch.from_numpy(targets), place / "predictions")
            write_json(place / "test.json", report)
            if out is not None:
                (place / "plots").mkdir()
                draw_kind(description.kind, data, place / "predictions", {"test": report}, place / "plots")
    print(json.dumps(results | report, indent=2) if as_json else as_text(results | report))


def _read_probabilities(task: str, revisions: list[str]) -> tuple[Tensor, Tensor, Tensor]:
    """Read what the models of the revisions predict.

    Returns:
        The probabilities of the classes for the test and for the validation images, both float64 (models, images,
        classes), and the labels of the validation images, int64 (images,).

    Raises:
        UserError: the revisions have different images or classes.
    """
    stored = {
        name: [np.load(io.BytesIO(read_at(Path("data/predictions", task, f"{name}.npy"), r))) for r in revisions]
        for name in ("logits", "validation_logits", "validation_labels")
    }
    for arrays in stored.values():
        for revision, array in zip(revisions, arrays, strict=True):
            if array.shape != arrays[0].shape:
                raise UserError(f"{task}: {revision} has different images or classes than {revisions[0]}")
    labels = stored["validation_labels"]
    for revision, of_revision in zip(revisions, labels, strict=True):
        if (of_revision != labels[0]).any():
            raise UserError(f"{task}: {revision} has different validation images than {revisions[0]}")
    test, validation = (
        torch.from_numpy(np.stack(stored[name])).double().softmax(2) for name in ("logits", "validation_logits")
    )
    return test, validation, torch.from_numpy(labels[0])


def _mean(test: Tensor, *_: Tensor) -> tuple[Tensor, None]:
    """Return the mean of the models' probabilities."""
    return test.mean(0), None


def _vote(test: Tensor, *_: Tensor) -> tuple[Tensor, None]:
    """Return the shares of the votes. Each model has one; ties are broken by the mean of the probabilities."""
    votes = torch.nn.functional.one_hot(test.argmax(2), test.shape[2]).sum(0)
    return (votes + test.mean(0)) / (len(test) + 1), None


def _weighted(test: Tensor, validation: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted mean of the probabilities, and the weights that maximize the validation likelihood.

    The weights are the proportions of a mixture, found by expectation maximization (Dempster, Laird and Rubin, 1977).
    The likelihood is concave in them, so there are no other local optima.
    """
    _check_labels(labels)
    likelihood = validation[:, torch.arange(len(labels)), labels]  # (models, images)
    weights = torch.full((len(test),), 1 / len(test), dtype=test.dtype)
    for _ in range(WEIGHT_STEPS):
        parts = weights[:, None] * likelihood.clamp(min=LEAST)
        weights = (parts / parts.sum(0)).mean(1)
    return torch.einsum("m,mnc->nc", weights, test), weights.round(decimals=4)


def _stack(test: Tensor, validation: Tensor, labels: Tensor) -> tuple[Tensor, None]:
    """Return the predictions of a logistic regression on all models' log-probabilities.

    Wolpert, "Stacked generalization", 1992. It is fitted on the validation images.
    """
    from sklearn.linear_model import LogisticRegression

    _check_labels(labels)

    def features(probabilities: Tensor) -> np.ndarray:
        columns: np.ndarray = probabilities.clamp(min=LEAST).log().transpose(0, 1).flatten(1).numpy()
        return columns  # (images, models × classes)

    stacker = LogisticRegression(C=STACKER_C, max_iter=1000).fit(features(validation), labels.numpy())
    joined = torch.zeros_like(test[0])
    joined[:, stacker.classes_] = torch.from_numpy(stacker.predict_proba(features(test)))
    return joined, None


def _check_labels(labels: Tensor) -> None:
    if not len(labels):
        raise UserError("there are no validation images to fit on; use --method mean or vote")


# Each takes the results of `_read_probabilities` and returns probabilities, (images, classes), for the test images, and
# the weights of the models if it has any.
METHODS: dict[str, Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor | None]]] = {
    "mean": _mean,
    "vote": _vote,
    "weighted": _weighted,
    "stack": _stack,
}
