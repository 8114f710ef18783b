"""What a preparation counted: images, pixels and objects of each class by split, and what was left out."""

from pathlib import Path
from typing import Any

from darkroom.common.files import read_json, write_json

NAME = "report.json"  # in the folder of the prepared data set


def write_report(folder: Path, report: dict[str, Any]) -> None:
    """Write a report to the prepared data set in `folder`.

    Args:
        folder: of the prepared data set.
        report: `images` by split, `classes` with the counts of each, and other counts.
    """
    write_json(folder / NAME, report)


def read_report(folder: Path) -> dict[str, Any]:
    """Read the report of the prepared data set in `folder`."""
    return read_json(folder / NAME)
