"""CSV files as spreadsheets of any country write them; what can be read in two ways is refused."""

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from darkroom.archives.text import decode_text
from darkroom.common.errors import UserError

DELIMITERS = ",;\t"
NUMBER = re.compile(r"[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
MAY_BE_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")  # 1,234 is so many, or a little over 1
LARGEST = float(np.finfo(np.float32).max)


class Row(NamedTuple):
    """The cells of a row, without spaces around them, and the line that it ends on."""

    line: int
    cells: list[str]

    def numeric(self, numbers: bool) -> list[str]:
        """The cells of columns that hold numbers: all, or all but the last."""
        return self.cells if numbers else self.cells[:-1]


def read_table(raw: Path, numbers: bool) -> tuple[Path, np.ndarray, list[str], list[int]]:
    """The one CSV file in `raw`: its columns but the last, float64 (rows, columns - 1), the last as texts, and the line
    that each row is on.

    Cells are divided by commas, semicolons or tabs; numbers may have decimal commas. A first line that is all numbers
    names no columns: it is a row, which is said.

    Args:
        numbers: whether the last column has numbers too.

    Raises:
        UserError: none or several, or one that is not rows of as many cells, numbers but for the last column, or that
            can be read in two ways.
    """
    files = sorted(raw.iterdir())
    if len(files) != 1 or files[0].suffix.lower() != ".csv":
        raise UserError(f"{raw}: holds no CSV file; give `archive` one, a line of names over rows of numbers")
    [path] = files
    rows = _rows(path, decode_text(path.read_bytes(), path), numbers)
    columns = len(rows[0].cells)
    rows = _below_names(path, rows, numbers)
    if columns < 2 or len(rows) < 2:
        raise UserError(f"{path}: has {columns} columns and {len(rows)} rows; give two of each at least")
    for row in rows:
        if len(row.cells) != columns:
            raise UserError(f"{path}: line {row.line} has {len(row.cells)} cells, but there are {columns} columns")
    rows = _with_points(path, rows, numbers)
    features = [[number_in(path, row.line, cell) for cell in row.cells[:-1]] for row in rows]
    return path, np.array(features), [row.cells[-1] for row in rows], [row.line for row in rows]


def number_in(path: Path, line: int, cell: str) -> float:
    """The number in a cell.

    Raises:
        UserError: there is none, or it is beyond those of float32.
    """
    number = float(cell) if NUMBER.fullmatch(cell) else np.nan
    if not abs(number) <= LARGEST:  # nor is NaN
        raise UserError(f"{path}: line {line}: {cell!r} is no number")
    return number


def _rows(path: Path, text: str, numbers: bool) -> list[Row]:
    """The rows that are not blank, by the one delimiter that makes a table of them, or none does the likeliest."""
    readings = []
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        try:
            rows = [Row(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
        except csv.Error as error:
            raise UserError(f"{path}: is no CSV file ({error}); give a line of names over rows of numbers") from None
        readings.append([row for row in rows if any(row.cells)])
    if not readings[0]:
        raise UserError(f"{path}: is no CSV file but empty; give a line of names over rows of numbers")
    fitting = [rows for rows in readings if _is_table(rows, numbers)]
    if len(fitting) > 1:
        first, second = (rows[0].cells[0] for rows in fitting[:2])
        raise UserError(f"{path}: its first cell may be {first!r} or {second!r}; write a line of names over its rows")
    return fitting[0] if fitting else max(readings, key=lambda rows: len(rows[0].cells))


def _is_table(rows: list[Row], numbers: bool) -> bool:
    columns = len(rows[0].cells)
    return columns > 1 and all(
        len(row.cells) == columns and all(NUMBER.fullmatch(cell) for cell in row.numeric(numbers)) for row in rows[1:]
    )


def _below_names(path: Path, rows: list[Row], numbers: bool) -> list[Row]:
    """The rows below the line of names; all of them where there is none."""
    first = rows[0]
    are_numbers = [bool(NUMBER.fullmatch(cell)) for cell in first.numeric(numbers)]
    if not any(are_numbers):
        if "" in first.cells:
            raise UserError(
                f"{path}: line {first.line}: column {first.cells.index('') + 1} has no name; give it one, or take it "
                "out where it counts the rows"
            )
        return rows[1:]
    if not all(are_numbers):
        raise UserError(
            f"{path}: line {first.line}: has numbers and what is none, {first.cells[are_numbers.index(False)]!r}; give "
            "a line of names over rows of numbers"
        )
    if first.cells == [str(number) for number in range(len(first.cells))]:
        raise UserError(
            f"{path}: line {first.line}: {','.join(first.cells)} may be a row, or number the columns; write a line of "
            "names over it, or in its place"
        )
    print(f"{path.name}: has no line of names; its first line is taken for the first row", flush=True)
    return rows


def _with_points(path: Path, rows: list[Row], numbers: bool) -> list[Row]:
    """The rows with points for decimal commas."""
    cells = [(row.line, cell) for row in rows for cell in row.numeric(numbers) if NUMBER.fullmatch(cell)]
    with_comma = [(line, cell) for line, cell in cells if "," in cell]
    if not with_comma:
        return rows
    line, cell = with_comma[0]
    if any("." in cell for _, cell in cells):
        raise UserError(f"{path}: line {line}: {cell!r} is no number beside others with a point; write all alike")
    if all(MAY_BE_THOUSANDS.fullmatch(cell) for _, cell in with_comma):
        raise UserError(
            f"{path}: line {line}: {cell!r} may be {cell.replace(',', '.')} or {cell.replace(',', '')}; write numbers "
            "with a point, or without a comma"
        )
    count = len(rows[0].numeric(numbers))
    return [Row(row.line, [cell.replace(",", ".") for cell in row.cells[:count]] + row.cells[count:]) for row in rows]
