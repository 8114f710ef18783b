"""What a preparation counted: all of it beside the data, and the numbers that people compare as metrics."""

from pathlib import Path
from typing import Any

from darkroom.common.files import read_json, write_json

NAME = "report.json"  # in the folder of the prepared data set


def write_report(folder: Path, metrics: Path, report: dict[str, Any]) -> None:
    """Write a report to the prepared data set in `folder`, and its totals to the JSON file `metrics`.

    Args:
        folder: of the prepared data set.
        metrics: metrics/TASK/data.json.
        report: `images` by split, `classes` with the counts of each, and other counts. The total of a list is its
            length.
    """
    write_json(folder / NAME, report)
    totals = {name: len(value) if isinstance(value, list) else value for name, value in report.items()}
    write_json(metrics, {**report["images"], **{name: total for name, total in totals.items() if name != "images"}})


def read_report(folder: Path) -> dict[str, Any]:
    """Read the report of the prepared data set in `folder`."""
    return read_json(folder / NAME)
