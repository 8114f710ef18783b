"""Arrays from tables of points: features, and one class or one number per point."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.datasets.csv_file import parse_number, read_table
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.parameters import PointParameters
from darkroom.datasets.points import RANGES, points_path, range_index
from darkroom.datasets.report import write_report
from darkroom.datasets.splits import hold_out

DIGITS = 6  # significant digits of a deviation; the mean is rounded to the same decimal


def prepare_points(parameters: PointParameters, key: str, raw: Path, folder: Path) -> None:
    """Split a table whose last column is a class, and write the number of points per class to its `report.json`.

    Args:
        parameters: how to split.
        key: the task's key in params.yaml, for messages.
        raw: the folder of the CSV file.
        folder: where the data set is written.

    Raises:
        UserError: there is no such table, or the split is impossible.
    """
    path, features, last, lines = read_table(raw, last_is_number=False)
    if "" in last:
        raise UserError(f"{path}: line {lines[last.index('')]}: has no class; give one or delete the line")
    classes = sorted(set(last))
    if len(classes) < 2:
        raise UserError(f"{path}: its last column has {len(classes)} class; give points of at least two")
    labels = np.array([classes.index(name) for name in last])
    _write_splits("points", parameters, key, classes, features, labels, labels, folder)


def prepare_curve(parameters: PointParameters, key: str, raw: Path, folder: Path) -> None:
    """Split a table whose last column is a number to predict, as `prepare_points`."""
    path, features, last, lines = read_table(raw, last_is_number=True)
    targets = np.array([parse_number(path, line, cell) for line, cell in zip(lines, last, strict=True)])
    if targets.min() == targets.max():
        raise UserError(f"{path}: its last column is the same everywhere; there is nothing to learn")
    edges = np.linspace(targets.min(), targets.max(), RANGES + 1)
    classes = [f"{low} to {high}" for low, high in pairwise(_format_distinct(edges))]
    strata = range_index(targets, targets)
    _write_splits("regression", parameters, key, classes, features, targets[:, None], strata, folder)


def _format_distinct(numbers: np.ndarray) -> list[str]:
    """Format numbers with at least four digits, and with more until all differ."""
    for digits in range(4, 18):
        formatted = [f"{number:.{digits}g}" for number in numbers]
        if len(set(formatted)) == len(numbers):
            break
    return formatted


def _write_splits(
    kind: str, parameters: PointParameters, key: str, classes: list[str],
    features: np.ndarray, targets: np.ndarray, strata: np.ndarray, folder: Path,
) -> None:  # fmt: skip
    """Split points and write them, their description and the number of points per stratum.

    Args:
        kind: of the task.
        parameters: how to split.
        key: the task's key in params.yaml, for messages.
        classes: names of the strata.
        features: float64 (n, features).
        targets: int64 (n,) or float64 (n, 1).
        strata: int64 (n,): the class of each point, or the range of its target. Classes are stratified.
        folder: where the data set is written.
    """
    are_numbers = targets.dtype.kind == "f"
    stratified = np.zeros_like(strata) if are_numbers else strata

    def split_rows(rows: np.ndarray, share: int | float, split: str) -> tuple[np.ndarray, np.ndarray]:
        kept, chosen = hold_out(stratified[rows], share, parameters.seed, split, f"{key}.{split}", classes)
        return rows[kept], rows[chosen]

    rest, test = split_rows(np.arange(len(targets)), parameters.test, "test")
    train, validation = split_rows(rest, parameters.validation, "validation")
    rows = dict(zip(SPLITS, (train, validation, test), strict=True))
    with replacing(folder) as temporary:
        temporary.mkdir(parents=True)
        for split, chosen in rows.items():
            np.save(points_path(temporary, split), features[chosen])
            np.save(temporary / f"{split}_targets.npy", targets[chosen])
        mean, std = _mean_and_std(features[train])
        images = {split: len(chosen) for split, chosen in rows.items()}
        description = Description(kind, classes, mean, std, images)
        if are_numbers:
            [target_mean], [target_std] = _mean_and_std(targets[train])
            description = replace(description, target_mean=target_mean, target_std=target_std)
        description.write(temporary)
        counts = {split: np.bincount(strata[chosen], minlength=len(classes)).tolist() for split, chosen in rows.items()}
        by_class = [
            {"name": name, "images": {split: counts[split][value] for split in SPLITS}}
            for value, name in enumerate(classes)
        ]
        write_report(temporary, {"images": images, "classes": by_class})


def _mean_and_std(numbers: np.ndarray) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each column; the deviation of a constant column is 1.

    Both are rounded, since the last digits of sums differ between processors.

    Args:
        numbers: float64 (n, columns).
    """
    means, deviations = [], []
    for column in numbers.T:
        width = float(column.max() - column.min()) or 1.0
        shifted = (column - column[0]) / width  # squaring it neither loses digits nor overflows
        std = width * float(shifted.std()) or 1.0
        places = DIGITS - math.floor(math.log10(std))
        means.append(round(float(column[0] + width * shifted.mean()), places))
        deviations.append(round(std, places))
    return means, deviations
