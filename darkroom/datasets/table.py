"""Tables of points to arrays: features, and one class or one number for each."""

import csv
import io
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from darkroom.archives.text import decode_text
from darkroom.common.errors import UserError
from darkroom.common.files import replacing, write_json
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.parameters import PointParameters
from darkroom.datasets.points import RANGES, points_path, ranges
from darkroom.datasets.splits import held_out

DELIMITERS = ";\t,"  # the first that divides all lines into as many cells
DIGITS = 6  # that mean and deviation are kept with, of the deviation
LARGEST = float(np.finfo(np.float32).max)


def prepare_points(parameters: PointParameters, key: str, raw: Path, folder: Path, report: Path) -> None:
    """Divide a table whose last column names a class into splits, and count each class's points in `report`.

    Args:
        key: the task's key in params.yaml, for messages.

    Raises:
        UserError: no such table, or the splits asked for cannot be made.
    """
    path, features, last, _ = read_table(raw, numbers=False)
    classes = sorted(set(last))
    if len(classes) < 2:
        raise UserError(f"{path}: its last column names {len(classes)} class; give points of two at least")
    labels = np.array([classes.index(name) for name in last])
    _divide("points", parameters, key, classes, features, labels, labels, folder, report)


def prepare_curve(parameters: PointParameters, key: str, raw: Path, folder: Path, report: Path) -> None:
    """Divide a table whose last column is a number to be found from the others, as `prepare_points`."""
    path, features, last, lines = read_table(raw, numbers=True)
    targets = np.array([_number(path, line, cell) for line, cell in zip(lines, last, strict=True)])
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


def read_table(raw: Path, numbers: bool) -> tuple[Path, np.ndarray, list[str], list[int]]:
    """The one CSV file in `raw`: its columns but the last, float64 (rows, columns - 1), the last as texts, and the line
    that each row is on.

    Cells are divided by commas, semicolons or tabs; with semicolons, numbers may have a decimal comma. A first line
    that is all numbers names no columns: it is a row, which is said.

    Args:
        numbers: whether the last column has numbers too.

    Raises:
        UserError: none or several, or one that is not rows of as many cells, numbers but for the last column.
    """
    files = sorted(raw.iterdir())
    if len(files) != 1 or files[0].suffix.lower() != ".csv":
        raise UserError(f"{raw}: holds no CSV file; give `archive` one, a line of names over rows of numbers")
    [path] = files
    lines, rows = _rows(path, decode_text(path.read_bytes(), path))
    *inputs, target = rows[0]
    if all(_is_number(cell) for cell in (*inputs, *([target] if numbers else []))) and inputs:
        print(f"{path.name}: has no line of names; its first line is taken for the first row", flush=True)
    else:
        lines, rows = lines[1:], rows[1:]
    columns = len(inputs) + 1
    if columns < 2 or len(rows) < 2:
        raise UserError(f"{path}: has {columns} columns and {len(rows)} rows; give two of each at least")
    for line, row in zip(lines, rows, strict=True):
        if len(row) != columns:
            raise UserError(f"{path}: line {line} has {len(row)} cells, but there are {columns} columns")
    features = [[_number(path, line, cell) for cell in row[:-1]] for line, row in zip(lines, rows, strict=True)]
    return path, np.array(features), [row[-1] for row in rows], lines


def _rows(path: Path, text: str) -> tuple[list[int], list[list[str]]]:
    """The rows that are not blank, and the lines that they are on; decimal commas as points."""
    try:
        tables = {}
        for delimiter in DELIMITERS:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
            tables[delimiter] = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise UserError(f"{path}: is no CSV file ({error}); give a line of names over rows of numbers") from None
    tables = {delimiter: [(n, row) for n, row in rows if any(row)] for delimiter, rows in tables.items()}
    if not tables[","]:
        raise UserError(f"{path}: is no CSV file but empty; give a line of names over rows of numbers")
    even = [
        delimiter for delimiter, rows in tables.items() if len({len(row) for _, row in rows}) == 1 < len(rows[0][1])
    ]
    delimiter = even[0] if even else max(DELIMITERS, key=lambda one: len(tables[one][0][1]))
    rows = tables[delimiter]
    if delimiter == ";" and not any("." in cell and _is_number(cell) for _, row in rows for cell in row):
        rows = [
            (n, [cell.replace(",", ".") if _is_number(cell.replace(",", ".")) else cell for cell in row])
            for n, row in rows
        ]
    return [n for n, _ in rows], [row for _, row in rows]


def _is_number(cell: str) -> bool:
    try:
        return abs(float(cell)) <= LARGEST
    except ValueError:
        return False


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
        std = float(column.std()) if column.min() < column.max() else 1.0
        places = DIGITS - math.floor(math.log10(std))
        means.append(round(float(column[0] + (column - column[0]).mean()), places))
        deviations.append(round(std, places))
    return means, deviations
