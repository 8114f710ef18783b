"""Tables of points to arrays: features, and one class or one number for each."""

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np

from darkroom.common.errors import UserError
from darkroom.common.files import replacing, write_json
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.parameters import PointParameters
from darkroom.datasets.points import RANGES, points_path, ranges
from darkroom.datasets.splits import held_out

LEAST_STD = 1e-6  # of a feature that does not vary
LARGEST = float(np.finfo(np.float32).max)


def prepare_points(parameters: PointParameters, key: str, raw: Path, folder: Path, report: Path) -> None:
    """Divide a table whose last column names a class into splits, and count each class's points in `report`.

    Args:
        key: the task's key in params.yaml, for messages.

    Raises:
        UserError: no such table, or the splits asked for cannot be made.
    """
    path, features, last = read_table(raw)
    classes = sorted(set(last))
    if len(classes) < 2:
        raise UserError(f"{path}: its last column names {len(classes)} class; give points of two at least")
    labels = np.array([classes.index(name) for name in last])
    _divide("points", parameters, key, classes, features, labels, labels, folder, report)


def prepare_curve(parameters: PointParameters, key: str, raw: Path, folder: Path, report: Path) -> None:
    """Divide a table whose last column is a number to be found from the others, as `prepare_points`."""
    path, features, last = read_table(raw)
    targets = np.array([_number(path, row, cell) for row, cell in enumerate(last, start=2)], np.float32)
    if targets.min() == targets.max():
        raise UserError(f"{path}: its last column is the same everywhere; there is nothing to learn")
    edges = np.linspace(targets.min(), targets.max(), RANGES + 1)
    classes = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    strata = ranges(targets, targets)
    _divide("regression", parameters, key, classes, features, targets[:, None], strata, folder, report)


def read_table(raw: Path) -> tuple[Path, np.ndarray, list[str]]:
    """The one CSV file in `raw`, its columns but the last, float32 (rows, columns - 1), and the last as texts.

    Raises:
        UserError: none or several, or one that is not a line of names over rows of as many cells, numbers but for
            the last column.
    """
    files = sorted(raw.iterdir())
    if len(files) != 1 or files[0].suffix != ".csv":
        raise UserError(f"{raw}: holds no CSV file; give `archive` one, a line of names over rows of numbers")
    [path] = files
    try:
        header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
    except (UnicodeDecodeError, ValueError, csv.Error):
        raise UserError(f"{path}: is no CSV file; give a line of names over rows of numbers") from None
    if len(header) < 2 or len(rows) < 2:
        raise UserError(f"{path}: has {len(header)} columns and {len(rows)} rows; give two of each at least")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise UserError(f"{path}: line {number} has {len(row)} cells, but there are {len(header)} columns")
    features = [[_number(path, number, cell) for cell in row[:-1]] for number, row in enumerate(rows, start=2)]
    return path, np.array(features, np.float32), [row[-1] for row in rows]


def _number(path: Path, line: int, cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = np.nan
    if not abs(number) <= LARGEST:  # nor is NaN
        raise UserError(f"{path}: line {line}: {cell!r} is no number")
    return number


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
        mean, std = features[train].mean(0, np.float64), np.maximum(features[train].std(0, np.float64), LEAST_STD)
        images = {split: len(chosen) for split, chosen in rows.items()}
        Description(kind, classes, mean.round(6).tolist(), std.round(6).tolist(), images).write(temporary)
        counts = {split: np.bincount(strata[chosen], minlength=len(classes)).tolist() for split, chosen in rows.items()}
        of_class = [
            {"name": name, "images": {split: counts[split][value] for split in SPLITS}}
            for value, name in enumerate(classes)
        ]
        write_json(report, {"images": images, "classes": of_class})
