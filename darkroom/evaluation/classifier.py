"""Metrics and tables of a classifier's predictions."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.common.files import write_csv
from darkroom.common.numbers import DIGITS
from darkroom.evaluation.intervals import (
    Interval,
    as_lists,
    calibration_interval,
    macro_intervals,
    mean_interval,
    proportion_interval,
)
from darkroom.evaluation.tables import PLACES, rounded
from darkroom.losses.cross_entropy import cross_entropy
from darkroom.metrics.classes import AccuracyTally

CALIBRATION_BINS = 15
BIN_ENDS = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:]


def evaluate_logits(names: list[str], logits: Tensor, targets: Tensor, folder: Path) -> dict[str, Any]:
    """Return the metrics of a classifier's predictions with their `intervals`, and write tables of them.

    It writes these files to `folder`:

    - `confusion.npy`: the confusion matrix, int64 (classes, classes), with a row for each true class;
    - `logits.npy`: float32 (n, classes);
    - `predictions.csv`: for each image its true class, the five likeliest classes and their probabilities;
    - `calibration.csv`: accuracy per confidence bin;
    - `classes.csv`: number of images, precision, recall and F1 of each class.

    Args:
        names: of the classes.
        logits: float32 (n, classes).
        targets: int64 (n,).
        folder: where to write.
    """
    tally = AccuracyTally(len(names), logits.device)
    tally.add(logits, targets, cross_entropy(logits, targets))
    confusion = tally.confusion.numpy().astype(np.int64)
    np.save(folder / "confusion.npy", confusion)
    np.save(folder / "logits.npy", logits.numpy())
    best = logits.softmax(1).topk(min(len(PLACES), len(names)))
    _write_predictions(folder / "predictions.csv", names, targets.numpy(), best.indices.numpy(), best.values.numpy())

    is_correct = (best.indices[:, 0] == targets).numpy()
    bins = calibration_bins(best.values[:, 0].numpy(), is_correct)
    write_csv(folder / "calibration.csv", list(bins[0]), [[round(v, DIGITS) for v in entry.values()] for entry in bins])
    by_class, support = class_metrics(confusion), confusion.sum(1)
    write_csv(
        folder / "classes.csv",
        ["class", "images", *by_class],
        [
            [name, int(support[n]), *rounded({key: values[n] for key, values in by_class.items()}).values()]
            for n, name in enumerate(names)
        ],
    )
    occurs = confusion.sum(0) + support > 0
    macro = {f"macro_{name}": values[occurs].mean() for name, values in by_class.items()}
    metrics = rounded(tally.compute() | macro | {"expected_calibration_error": calibration_error(bins)})
    return metrics | {"intervals": as_lists(class_intervals(logits, targets))}


def class_intervals(logits: Tensor, targets: Tensor) -> dict[str, Interval | None]:
    """Return the intervals of a classifier's metrics.

    Args:
        logits: float (n, classes).
        targets: class ids, int64 (n,).
    """
    count, classes = logits.shape
    best = logits.topk(min(5, classes)).indices
    in_best = best == targets[:, None]
    macro = macro_intervals(targets.numpy(), best[:, 0].numpy())
    losses = torch.nn.functional.cross_entropy(logits.double(), targets, reduction="none").numpy()
    return {
        "loss": mean_interval(losses),
        "accuracy": proportion_interval(int(in_best[:, 0].sum()), count),
        "top5_accuracy": proportion_interval(int(in_best.sum()), count),
        **{f"macro_{name}": interval for name, interval in macro.items()},
        "expected_calibration_error": error_interval(logits, targets),
    }


def error_interval(logits: Tensor, targets: Tensor, images: NDArray[np.int64] | None = None) -> Interval | None:
    """Return the interval of the expected calibration error of logits.

    Args:
        logits: float (n, classes).
        targets: class ids, int64 (n,).
        images: number of the image from 0 on to which each row belongs, int64 (n,). None: each is an image of its own.
    """
    confidence, predicted = logits.softmax(1).max(1)
    bins = _bin_numbers(confidence.numpy())
    images = np.arange(len(bins)) if images is None else images
    cells = images * CALIBRATION_BINS + bins
    counts = np.bincount(images)
    surplus = confidence.double().numpy() - (predicted == targets).numpy()
    gaps = np.bincount(cells, surplus, len(counts) * CALIBRATION_BINS).astype(np.float64)
    return calibration_interval(gaps.reshape(-1, CALIBRATION_BINS), counts.astype(np.float64))


def class_metrics(confusion: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Return precision, recall and F1 of each class, float64 (classes,); 0 where the denominator is 0.

    They are computed here because scikit-learn's function takes labels, not a confusion matrix.

    Args:
        confusion: int64 (classes, classes), with a row for each true class.
    """
    correct, true, predicted = np.diagonal(confusion), confusion.sum(1), confusion.sum(0)
    return {
        "precision": correct / np.maximum(1, predicted),
        "recall": correct / np.maximum(1, true),
        "f1": 2 * correct / np.maximum(1, true + predicted),
    }


def calibration_bins(confidence: NDArray[np.floating], is_correct: NDArray[np.bool_]) -> list[dict[str, float]]:
    """Return the accuracy per confidence bin, for 15 bins of equal width.

    Args:
        confidence: of each prediction, float (n,) from 0 to 1.
        is_correct: whether each prediction is correct, bool (n,).

    Returns:
        For each bin `to`, its upper end; `images`, their number; `confidence`, the mean; and `accuracy`. Confidence and
        accuracy of an empty bin are 0.
    """
    numbers = _bin_numbers(confidence)
    images = np.bincount(numbers, minlength=CALIBRATION_BINS)
    means, accuracies = (
        np.bincount(numbers, values, CALIBRATION_BINS) / np.maximum(1, images) for values in (confidence, is_correct)
    )
    return [
        {"to": to, "images": count, "confidence": mean, "accuracy": accuracy}
        for to, count, mean, accuracy in zip(BIN_ENDS, images.tolist(), means, accuracies, strict=True)
    ]


def _bin_numbers(confidence: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the number of the bin of each confidence, int64 (n,)."""
    numbers: NDArray[np.int64] = np.digitize(confidence, BIN_ENDS[:-1], right=True)
    return numbers


def calibration_error(bins: list[dict[str, float]]) -> float:
    """Return the expected calibration error (Guo et al., arXiv:1706.04599, equation 3).

    Args:
        bins: as `calibration_bins` returns them.
    """
    gaps = sum(entry["images"] * abs(entry["accuracy"] - entry["confidence"]) for entry in bins)
    return gaps / sum(entry["images"] for entry in bins)


def error_of_logits(logits: Tensor, targets: Tensor) -> float:
    """Return the expected calibration error of logits, float (n, classes), for the class ids `targets`, int64 (n,)."""
    confidence, predicted = logits.softmax(1).max(1)
    return calibration_error(calibration_bins(confidence.numpy(), (predicted == targets).numpy()))


def _write_predictions(
    path: Path,
    names: list[str],
    true: NDArray[np.int64],
    best: NDArray[np.int64],
    probabilities: NDArray[np.float32],
) -> None:
    """Write a row for each image: its true class, and its likeliest classes with their probabilities.

    Args:
        path: of the CSV file.
        names: of the classes.
        true: class ids, int64 (n,).
        best: ids of the likeliest classes, int64 (n, k).
        probabilities: of these classes, float32 (n, k).
    """
    places = PLACES[: best.shape[1]]
    confidences = ["confidence", *(f"{place}_confidence" for place in places[1:])]
    columns = [column for pair in zip(places, confidences, strict=True) for column in pair]
    rows: list[list[int | str]] = []
    for index, label in enumerate(true):
        likeliest = zip(best[index], probabilities[index], strict=True)
        cells = (cell for n, probability in likeliest for cell in (names[n], f"{probability:.6f}"))
        rows.append([index, names[label], *cells])
    write_csv(path, ["index", "true", *columns], rows)
