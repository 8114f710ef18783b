"""Tables of points to arrays: features, and one class or one number for each."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from darkroom.common.errors import UserError
from darkroom.common.files import replacing, write_json
from darkroom.datasets.csv_file import number_in, read_table
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.parameters import PointParameters
from darkroom.datasets.points import RANGES, points_path, ranges
from darkroom.datasets.splits import held_out

DIGITS = 6  # that mean and deviation are kept with, of the deviation


def prepare_points(parameters: PointParameters, key: str, raw: Path, folder: Path, report: Path) -> None:
    """Divide a table whose last column names a class into splits, and count each class's points in `report`.

    Args:
        key: the task's key in params.yaml, for messages.

    Raises:
        UserError: no such table, or the splits asked for cannot be made.
    """
    path, features, last, lines = read_table(raw, numbers=False)
    if "" in last:
        raise UserError(f"{path}: line {lines[last.index('')]}: names no class; name one or take the line out")
    classes = sorted(set(last))
    if len(classes) < 2:
        raise UserError(f"{path}: its last column names {len(classes)} class; give points of two at least")
    labels = np.array([classes.index(name) for name in last])
    _divide("points", parameters, key, classes, features, labels, labels, folder, report)


def prepare_curve(parameters: PointParameters, key: str, raw: Path, folder: Path, report: Path) -> None:
    """Divide a table whose last column is a number to be found from the others, as `prepare_points`."""
    path, features, last, lines = read_table(raw, numbers=True)
    targets = np.array([number_in(path, line, cell) for line, cell in zip(lines, last, strict=True)])
    if targets.min() == targets.max():
        raise UserError(f"{path}: its last column is the same everywhere; there is nothing to learn")
    edges = np.linspace(targets.min(), targets.max(), RANGES + 1)
    classes = [f"{low} to {high}" for low, high in pairwise(_told_apart(edges))]
    strata = ranges(targets, targets)
    _divide("regression", parameters, key, classes, features, targets[:, None], strata, folder, report)


def _told_apart(edges: np.ndarray) -> list[str]:
    """The numbers with as many digits as it takes for all to differ, four at least."""
    for digits in range(4, 18):
        told = [f"{edge:.{digits}g}" for edge in edges]
        if len(set(told)) == len(edges):
            break
    return told


def _divide(
    kind: str, parameters: PointParameters, key: str, classes: list[str], features: np.ndarray, targets: np.ndarray,
    strata: np.ndarray, folder: Path, report: Path,
) -> None:  # fmt: skip
    """Write the splits, every one of `strata`, int (n,), in the same proportion in each where they are classes."""
    stratified = strata if kind == "points" else np.zeros_like(strata)

    def hold_out(among: np.ndarray, share: int | float, split: str) -> tuple[np.ndarray, np.ndarray]:
        kept, out = held_out(stratified[among], share, parameters.seed, split, f"{key}.{split}", classes)
        return among[kept], among[out]

    rest, test = hold_out(np.arange(len(targets)), parameters.test, "test")
    train, validation = hold_out(rest, parameters.validation, "validation")
    rows = dict(zip(SPLITS, (train, validation, test), strict=True))
    with replacing(folder) as temporary:
        temporary.mkdir(parents=True)
        for split, chosen in rows.items():
            np.save(points_path(temporary, split), features[chosen])
            np.save(temporary / f"{split}_targets.npy", targets[chosen])
        mean, std = _mean_and_std(features[train])
        images = {split: len(chosen) for split, chosen in rows.items()}
        description = Description(kind, classes, mean, std, images)
        if kind == "regression":
            [target_mean], [target_std] = _mean_and_std(targets[train])
            description = replace(description, target_mean=target_mean, target_std=target_std)
        description.write(temporary)
        counts = {split: np.bincount(strata[chosen], minlength=len(classes)).tolist() for split, chosen in rows.items()}
        of_class = [
            {"name": name, "images": {split: counts[split][value] for split in SPLITS}}
            for value, name in enumerate(classes)
        ]
        write_json(report, {"images": images, "classes": of_class})


def _mean_and_std(numbers: np.ndarray) -> tuple[list[float], list[float]]:
    """Of each column of float64 (n, columns), the deviation of one that does not vary as 1.

    Both are rounded by the deviation, since sums differ in their last digits from processor to processor.
    """
    means, deviations = [], []
    for column in numbers.T:
        width = float(column.max() - column.min()) or 1.0
        shifted = (column - column[0]) / width  # neither cancels nor leaves float64 when it is squared
        std = width * float(shifted.std()) or 1.0
        places = DIGITS - math.floor(math.log10(std))
        means.append(round(float(column[0] + width * shifted.mean()), places))
        deviations.append(round(std, places))
    return means, deviations
