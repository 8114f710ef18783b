"""Metrics of a classifier's logits on the test split."""

from pathlib import Path

import numpy as np
from torch import Tensor

from darkroom.common.numbers import DIGITS
from darkroom.evaluation.tables import PLACES, rounded, write_csv
from darkroom.losses.cross_entropy import cross_entropy
from darkroom.metrics.classes import AccuracyTally

CALIBRATION_BINS = 15


def judge(names: list[str], logits: Tensor, targets: Tensor, folder: Path) -> dict[str, float | None]:
    """Compute the metrics of predictions for test images. `folder` gets

    - `confusion.npy`: int64 (classes, classes), a row for each true class;
    - `logits.npy`: float32 (images, classes);
    - `predictions.csv`: the true class, the five likeliest and their probabilities for each image;
    - `calibration.csv`: accuracy per confidence bin;
    - `classes.csv`: images, precision, recall and F1 of each class.

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

    is_right = (best.indices[:, 0] == targets).numpy()
    bins = calibration_bins(best.values[:, 0].numpy(), is_right)
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
    return rounded(tally.compute() | macro | {"expected_calibration_error": calibration_error(bins)})


def class_metrics(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Compute precision, recall and F1 of each class, float64 (classes,), 0 where there is nothing to divide by.

    scikit-learn's function takes labels and not the confusion matrix that is here.

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
    """Compute accuracy per confidence bin, for 15 bins of equal width.

    Args:
        confidence: of each prediction, float (n,) from 0 to 1.
        is_right: whether it is right, bool (n,).

    Returns:
        Upper end, images, mean confidence and accuracy of each bin; both are 0 where it is empty.
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
    """Compute the expected calibration error (Guo et al., arXiv:1706.04599, equation 3) of `calibration_bins`."""
    gaps = sum(entry["images"] * abs(entry["accuracy"] - entry["confidence"]) for entry in bins)
    return gaps / sum(entry["images"] for entry in bins)


def _write_predictions(path: Path, names: list[str], true: np.ndarray, best: np.ndarray, shares: np.ndarray) -> None:
    """Write a row for each image: its true class, and its likeliest classes with their probabilities.

    Args:
        path: of the CSV file.
        names: of the classes.
        true: class ids (n,).
        best: ids of the likeliest classes, int (n, k).
        shares: their probabilities, float (n, k).
    """
    places = PLACES[: best.shape[1]]
    confidences = ["confidence", *(f"{place}_confidence" for place in places[1:])]
    columns = [column for pair in zip(places, confidences, strict=True) for column in pair]
    rows = []
    for index, label in enumerate(true):
        likeliest = zip(best[index], shares[index], strict=True)
        rows.append([index, names[label], *(cell for n, share in likeliest for cell in (names[n], f"{share:.6f}"))])
    write_csv(path, ["index", "true", *columns], rows)
