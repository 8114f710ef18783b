"""The audit of points with one number each: points that occur twice."""

from pathlib import Path
from typing import Any

import pandas as pd

from darkroom.audit.findings import Finding
from darkroom.audit.kinds import Audited
from darkroom.audit.points import find_equal_points, name_points
from darkroom.audit.table import Entry, Names
from darkroom.datasets.description import Description
from darkroom.evaluation.intervals import Interval
from darkroom.evaluation.kinds.regression import error_intervals


def name_images(data: Path, _: Description) -> Names:
    """Return a name for each point: its split and its row."""
    return name_points(data)


def find(audited: Audited, _: Path) -> list[Finding]:
    """Return points that occur twice."""
    return find_equal_points(audited.data)


def count(_: Path, __: Description, ___: list[Entry]) -> dict[str, Any]:
    """Return nothing: there are no classes."""
    return {}


def score(predictions: Path, left_out: list[int]) -> tuple[float | None, Interval | None]:
    """Return R² of the test split without some of its points, and its bootstrap interval."""
    table = pd.read_csv(predictions / "predictions.csv").drop(index=left_out)
    true, estimates = table["true"].to_numpy(float), table["predicted"].to_numpy(float)
    spread = ((true - true.mean()) ** 2).sum() if len(true) else 0.0
    if not spread:
        return None, None
    return 1 - float(((estimates - true) ** 2).sum() / spread), error_intervals(true, estimates, 1.0)["r2"]
