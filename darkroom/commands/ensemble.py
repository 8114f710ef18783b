"""Several experiments' classifiers as one, from the logits that they kept: only how they are joined is fitted."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

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
from darkroom.figures.kinds import figures_of
from darkroom.revisions import read_at

WEIGHT_STEPS = 500
STACKER_C = 1e-2  # inverse strength of its regularization: the models agree in most of what they say
LEAST = 1e-9  # probability, for logarithms


def ensemble(task: str, revisions: list[str], method: str, out: Path | None, as_json: bool) -> None:
    """Print the figures of several classifiers together on the test split, and the accuracy of each alone.

    Args:
        revisions: of git, names of experiments, or `workspace`; two at least.
        method: one of `METHODS`.
        out: a new folder for `test.json`, `predictions/` and `plots/`, as the pipeline writes them; None for none.
        as_json: print for machines.

    Raises:
        UserError: logits that cannot be read, or are of other images or classes; an unknown method.
    """
    if method not in METHODS:
        raise UserError(f"--method {method}: must be one of {', '.join(METHODS)}")
    if len(revisions) < 2:
        raise UserError(f"{revisions[0]}: an ensemble takes two experiments at least")
    if out is not None and out.exists():
        raise UserError(f"{out}: is there already; give a new folder or remove it")
    data = Path("data/prepared", task)
    description = Description.read(data)
    if not commands_of(description.kind).CAN_JOIN:
        raise UserError(f"{task}: is a {description.kind}; only classifiers of images keep logits for an ensemble")
    test, validation, labels = _kept_answers(task, revisions)
    _, targets = read_split(data, "test")
    names = np.array(description.classes)
    for revision in revisions:
        if list(predictions_at(task, revision)["true"]) != list(names[targets]):
            raise UserError(f"{task}: {revision} was evaluated on other test images than data/prepared/{task} has")
    joined, weights = METHODS[method](test, validation, labels)

    told: dict = {"task": task, "method": method}
    if weights is not None:
        told["weights"] = dict(zip(revisions, weights.tolist(), strict=True))
    told["accuracy_alone"] = {
        revision: round(float((answers.argmax(1).numpy() == targets).mean()), DIGITS)
        for revision, answers in zip(revisions, test, strict=True)
    }
    with TemporaryDirectory() as temporary:
        folder = out or Path(temporary, "together")
        with replacing(folder) as place:
            (place / "predictions").mkdir(parents=True)
            logits = joined.clamp(min=LEAST).log().float()
            report = evaluate_logits(description.classes, logits, torch.from_numpy(targets), place / "predictions")
            write_json(place / "test.json", report)
            if out is not None:
                (place / "plots").mkdir()
                figures_of(description.kind).draw(data, place / "predictions", {"test": report}, place / "plots")
    print(json.dumps(told | report, indent=2) if as_json else as_text(told | report))


def _kept_answers(task: str, revisions: list[str]) -> tuple[Tensor, Tensor, Tensor]:
    """What the revisions' models said: their probabilities of the classes, float64 (models, images, classes), for the
    test and the validation images, and the class ids of the latter, int64 (images,).
    """
    kept = {
        name: [np.load(io.BytesIO(read_at(Path("data/predictions", task, f"{name}.npy"), r))) for r in revisions]
        for name in ("logits", "validation_logits", "validation_labels")
    }
    for arrays in kept.values():
        for revision, array in zip(revisions, arrays, strict=True):
            if array.shape != arrays[0].shape:
                raise UserError(f"{task}: {revision} has other images or classes than {revisions[0]}")
    labels = kept["validation_labels"]
    for revision, own in zip(revisions, labels, strict=True):
        if (own != labels[0]).any():
            raise UserError(f"{task}: {revision} has other validation images than {revisions[0]}")
    test, validation = (
        torch.from_numpy(np.stack(kept[name])).double().softmax(2) for name in ("logits", "validation_logits")
    )
    return test, validation, torch.from_numpy(labels[0])


def _mean(test: Tensor, *_: Tensor) -> tuple[Tensor, None]:
    return test.mean(0), None


def _vote(test: Tensor, *_: Tensor) -> tuple[Tensor, None]:
    """One vote a model; where votes are equal, the mean of the probabilities decides."""
    votes = torch.nn.functional.one_hot(test.argmax(2), test.shape[2]).sum(0)
    return (votes + test.mean(0)) / (len(test) + 1), None


def _weighted(test: Tensor, validation: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The mean with the weights that make the validation labels likeliest.

    Found by expectation maximization of the shares of a mixture (Dempster, Laird and Rubin, 1977), which takes them
    to the only optimum there is.
    """
    _refuse_none(labels)
    likelihood = validation[:, torch.arange(len(labels)), labels]  # (models, images)
    weights = torch.full((len(test),), 1 / len(test), dtype=test.dtype)
    for _ in range(WEIGHT_STEPS):
        parts = weights[:, None] * likelihood.clamp(min=LEAST)
        weights = (parts / parts.sum(0)).mean(1)
    return torch.einsum("m,mnc->nc", weights, test), weights.round(decimals=4)


def _stack(test: Tensor, validation: Tensor, labels: Tensor) -> tuple[Tensor, None]:
    """A logistic regression on all models' log-probabilities (Wolpert, "Stacked generalization", 1992)."""
    from sklearn.linear_model import LogisticRegression

    _refuse_none(labels)

    def side_by_side(answers: Tensor) -> np.ndarray:
        return answers.clamp(min=LEAST).log().transpose(0, 1).flatten(1).numpy()

    stacker = LogisticRegression(C=STACKER_C, max_iter=1000).fit(side_by_side(validation), labels.numpy())
    joined = torch.zeros_like(test[0])
    joined[:, stacker.classes_] = torch.from_numpy(stacker.predict_proba(side_by_side(test)))
    return joined, None


def _refuse_none(labels: Tensor) -> None:
    if not len(labels):
        raise UserError("there are no validation images to fit on; take --method mean or vote")


# Each gives probabilities (images, classes) for the test images, and the models' weights where it has any.
METHODS: dict[str, Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor | None]]] = {
    "mean": _mean,
    "vote": _vote,
    "weighted": _weighted,
    "stack": _stack,
}
