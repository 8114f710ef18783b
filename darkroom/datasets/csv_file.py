"""Reading CSV files as spreadsheets of any country write them. An ambiguous file is refused.

Python's csv and not `pandas.read_csv`: that guesses what must be refused here (delimiter, decimal commas, line of
names), and gives no line numbers for messages.
"""

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from darkroom.archives.text import decode_text
from darkroom.common.errors import UserError
from darkroom.common.files import in_order

DELIMITERS = ",;\t"
NUMBER = re.compile(r"[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
MAY_BE_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")  # 1,234 may be 1234 or 1.234
LARGEST = float(np.finfo(np.float32).max)


class Row(NamedTuple):
    """The cells of a row, stripped, and the number of the line that it ends on."""

    line: int
    cells: list[str]

    def numeric(self, last_is_number: bool) -> list[str]:
        """Return the cells that must be numbers: all, or all but the last."""
        return self.cells if last_is_number else self.cells[:-1]


class Table(NamedTuple):
    """A table of points.

    Attributes:
        path: of the CSV file.
        features: all columns but the last, float64 (rows, columns - 1).
        last: the cells of the last column.
        lines: the line number of each row.
    """

    path: Path
    features: np.ndarray
    last: list[str]
    lines: list[int]


def read_table(raw: Path, last_is_number: bool) -> Table:
    """Read the only CSV file in `raw`.

    Cells are separated by commas, semicolons or tabs. Numbers may have decimal commas. A first line that is all numbers
    is a row and not the names of the columns, and a message says so.

    Args:
        raw: a folder.
        last_is_number: whether the last column holds numbers too.

    Raises:
        UserError: there is not exactly one CSV file, its rows differ in length, a cell is no number, or the table can
            be read in two ways.
    """
    files = in_order(raw.iterdir())
    if len(files) != 1 or files[0].suffix.lower() != ".csv":
        raise UserError(f"{raw}: holds no CSV file; give `archive` one, a line of names over rows of numbers")
    [path] = files
    rows = _read_rows(path, decode_text(path.read_bytes(), path), last_is_number)
    columns = len(rows[0].cells)
    rows = _drop_names(path, rows, last_is_number)
    if columns < 2 or len(rows) < 2:
        raise UserError(f"{path}: has {columns} columns and {len(rows)} rows; give at least two of each")
    for row in rows:
        if len(row.cells) != columns:
            raise UserError(f"{path}: line {row.line} has {len(row.cells)} cells, but there are {columns} columns")
    rows = _replace_decimal_commas(path, rows, last_is_number)
    features = [[parse_number(path, row.line, cell) for cell in row.cells[:-1]] for row in rows]
    return Table(path, np.array(features), [row.cells[-1] for row in rows], [row.line for row in rows])


def parse_number(path: Path, line: int, cell: str) -> float:
    """Return the number in a cell.

    Raises:
        UserError: the cell is no number, or it is beyond the range of float32.
    """
    number = float(cell) if NUMBER.fullmatch(cell) else np.nan
    if not abs(number) <= LARGEST:  # true for NaN too
        raise UserError(f"{path}: line {line}: {cell!r} is no number")
    return number


def _read_rows(path: Path, text: str, last_is_number: bool) -> list[Row]:
    """Return the rows that are not blank, by the only delimiter that gives a table, or else the one that gives most."""
    candidates = []
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        try:
            rows = [Row(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
        except csv.Error as error:
            raise UserError(f"{path}: is no CSV file ({error}); give a line of names over rows of numbers") from None
        candidates.append([row for row in rows if any(row.cells)])
    if not candidates[0]:
        raise UserError(f"{path}: is no CSV file but empty; give a line of names over rows of numbers")
    tables = [rows for rows in candidates if _is_table(rows, last_is_number)]
    if len(tables) > 1:
        first, second = (rows[0].cells[0] for rows in tables[:2])
        raise UserError(f"{path}: its first cell may be {first!r} or {second!r}; write a line of names over its rows")
    return tables[0] if tables else max(candidates, key=lambda rows: len(rows[0].cells))


def _is_table(rows: list[Row], last_is_number: bool) -> bool:
    columns = len(rows[0].cells)
    return columns > 1 and all(
        len(row.cells) == columns and all(NUMBER.fullmatch(cell) for cell in row.numeric(last_is_number))
        for row in rows[1:]
    )


def _drop_names(path: Path, rows: list[Row], last_is_number: bool) -> list[Row]:
    """Return the rows without the line of names; all rows if there is no such line."""
    first = rows[0]
    are_numbers = [bool(NUMBER.fullmatch(cell)) for cell in first.numeric(last_is_number)]
    if not any(are_numbers):
        if "" in first.cells:
            raise UserError(
                f"{path}: line {first.line}: column {first.cells.index('') + 1} has no name; name it, or delete it if "
                "it counts the rows"
            )
        return rows[1:]
    if not all(are_numbers):
        raise UserError(
            f"{path}: line {first.line}: mixes numbers with {first.cells[are_numbers.index(False)]!r}, which is none; "
            "give a line of names over rows of numbers"
        )
    if first.cells == [str(number) for number in range(len(first.cells))]:
        raise UserError(
            f"{path}: line {first.line}: {','.join(first.cells)} may be a row, or number the columns; write a line of "
            "names over it, or in its place"
        )
    print(f"{path.name}: has no line of names; its first line is taken for the first row", flush=True)
    return rows


def _replace_decimal_commas(path: Path, rows: list[Row], last_is_number: bool) -> list[Row]:
    """Return the rows with points for decimal commas."""
    numbers = [(row.line, cell) for row in rows for cell in row.numeric(last_is_number) if NUMBER.fullmatch(cell)]
    with_comma = [(line, cell) for line, cell in numbers if "," in cell]
    if not with_comma:
        return rows
    line, cell = with_comma[0]
    if any("." in cell for _, cell in numbers):
        raise UserError(f"{path}: line {line}: {cell!r} is no number where others have a point; write all alike")
    if all(MAY_BE_THOUSANDS.fullmatch(cell) for _, cell in with_comma):
        raise UserError(
            f"{path}: line {line}: {cell!r} may be {cell.replace(',', '.')} or {cell.replace(',', '')}; write numbers "
            "with a point, or without a comma"
        )
    count = len(rows[0].numeric(last_is_number))
    return [Row(row.line, [cell.replace(",", ".") for cell in row.cells[:count]] + row.cells[count:]) for row in rows]
