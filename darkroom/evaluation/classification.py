"""What a classifier gets right and wrong on the test split."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from darkroom.batches.whole import whole_split
from darkroom.common.numbers import DIGITS
from darkroom.evaluation.explanations import explain_classes
from darkroom.evaluation.feature_maps import write_feature_maps
from darkroom.evaluation.inference import Trial, mean_over_views
from darkroom.evaluation.parameters import Evaluation
from darkroom.evaluation.tables import PLACES, rounded, write_csv
from darkroom.losses.cross_entropy import cross_entropy
from darkroom.metrics.classes import Tally

CALIBRATION_BINS = 15


def evaluate_classification(trial: Trial, parameters: Evaluation, folder: Path) -> dict:
    """The figures of the test split; to `folder` goes what `judge` writes, and

    - `validation_logits.npy`, `validation_labels.npy`: float32 (images, classes) and int64 (images,), to fit on what
      combines several models;
    - `explanations/`, `explanations.csv`: where the model looks, as `explain_classes` says;
    - `feature_maps/`, `feature_maps.csv`: what its first layers make of the first test image.
    """
    validation = _logits(trial, "validation")
    views = Tally("classification", len(trial.card.classes), trial.device)

    def look_again(images: Tensor, targets: Tensor, logits: Tensor) -> None:
        mean = mean_over_views(trial.model, trial.card, images, logits, parameters.tta)
        views.add(mean, targets, cross_entropy(mean, targets))

    logits, targets = _logits(trial, "test", look_again if parameters.tta != "none" else None)
    for name, values in zip(("logits", "labels"), validation, strict=True):
        np.save(folder / f"validation_{name}.npy", values.numpy())
    figures = judge(trial.card.classes, logits, targets, folder)
    explain_classes(trial, logits, targets, folder)
    first, _ = next(whole_split(trial.data, trial.description, "test", trial.device))
    write_feature_maps(trial, first[:1], folder)
    if parameters.tta != "none":
        figures["tta"] = {"views": parameters.tta} | rounded(views.figures())
    return figures


def _logits(
    trial: Trial, split: str, also: Callable[[Tensor, Tensor, Tensor], None] | None = None
) -> tuple[Tensor, Tensor]:
    """Logits float32 (n, classes) and targets int64 (n,) of a split, which may be empty; `also` is shown each batch."""
    all_logits, all_targets = [torch.empty(0, len(trial.card.classes))], [torch.empty(0, dtype=torch.int64)]
    for images, targets, logits in trial.batches(split):
        all_logits.append(logits.cpu())
        all_targets.append(targets.cpu())
        if also:
            also(images, targets, logits)
    return torch.cat(all_logits), torch.cat(all_targets)


def judge(names: list[str], logits: Tensor, targets: Tensor, folder: Path) -> dict:
    """The figures of answers to test images; to `folder` go

    - `confusion.npy`: int64 (classes, classes), a row for each true class;
    - `logits.npy`: float32 (images, classes);
    - `predictions.csv`: of each image the true class, the five likeliest and their probabilities;
    - `calibration.csv`: how often the model is right when it is how sure.

    Args:
        names: of the classes.
        logits: float32 (n, classes).
        targets: int64 (n,).
    """
    tally = Tally("classification", len(names), logits.device)
    tally.add(logits, targets, cross_entropy(logits, targets))
    confusion = tally.confusion.numpy().astype(np.int64)
    np.save(folder / "confusion.npy", confusion)
    np.save(folder / "logits.npy", logits.numpy())
    best = logits.softmax(1).topk(min(len(PLACES), len(names)))
    _write_predictions(folder / "predictions.csv", names, targets.numpy(), best.indices.numpy(), best.values.numpy())

    figures = rounded(tally.figures())
    is_right = (best.indices[:, 0] == targets).numpy()
    bins = calibration_bins(best.values[:, 0].numpy(), is_right)
    write_csv(folder / "calibration.csv", list(bins[0]), [[round(v, DIGITS) for v in entry.values()] for entry in bins])
    figures["expected_calibration_error"] = round(calibration_error(bins), DIGITS)
    by_class = class_figures(confusion)
    support = confusion.sum(1)
    for average, weights in (("macro", confusion.sum(0) + support > 0), ("weighted", support)):
        figures[average] = rounded({name: np.average(values, weights=weights) for name, values in by_class.items()})
    figures["classes"] = [
        {"name": name, "images": int(support[n]), **rounded({key: values[n] for key, values in by_class.items()})}
        for n, name in enumerate(names)
    ]
    return figures


def class_figures(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of each class, float64 (classes,), 0 where there is nothing to divide by.

    Args:
        confusion: int (classes, classes), a row for each true class.
    """
    right, true, predicted = np.diagonal(confusion), confusion.sum(1), confusion.sum(0)
    return {
        "precision": right / np.maximum(1, predicted),
        "recall": right / np.maximum(1, true),
        "f1": 2 * right / np.maximum(1, true + predicted),
    }


def calibration_bins(confidence: np.ndarray, is_right: np.ndarray) -> list[dict[str, float]]:
    """15 bins of equal width: where each ends, its images, and their mean confidence and accuracy, 0 where empty.

    Args:
        confidence: of each prediction, float (n,) between 0 and 1.
        is_right: bool (n,).
    """
    ends = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:]
    numbers = np.digitize(confidence, ends[:-1], right=True)
    images = np.bincount(numbers, minlength=CALIBRATION_BINS)
    sure, right = (
        np.bincount(numbers, values, CALIBRATION_BINS) / np.maximum(1, images) for values in (confidence, is_right)
    )
    return [
        {"to": to, "images": count, "confidence": mean, "accuracy": share}
        for to, count, mean, share in zip(ends, images.tolist(), sure, right, strict=True)
    ]


def calibration_error(bins: list[dict[str, float]]) -> float:
    """Expected calibration error (Guo et al., arXiv:1706.04599, equation 3) of `calibration_bins`."""
    gaps = sum(entry["images"] * abs(entry["accuracy"] - entry["confidence"]) for entry in bins)
    return gaps / sum(entry["images"] for entry in bins)


def _write_predictions(path: Path, names: list[str], true: np.ndarray, best: np.ndarray, shares: np.ndarray) -> None:
    """Of each image the names of its true class and of its `best`, int (n, k), with their shares, float (n, k)."""
    places = PLACES[: best.shape[1]]
    confidences = ["confidence", *(f"{place}_confidence" for place in places[1:])]
    columns = [column for pair in zip(places, confidences, strict=True) for column in pair]
    rows = []
    for index, label in enumerate(true):
        told = zip(best[index], shares[index], strict=True)
        rows.append([index, names[label], *(cell for n, share in told for cell in (names[n], f"{share:.6f}"))])
    write_csv(path, ["index", "true", *columns], rows)
