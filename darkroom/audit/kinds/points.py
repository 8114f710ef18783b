"""The audit of points with one class each: points that occur twice."""

from pathlib import Path
from typing import Any

import numpy as np

from darkroom.audit.findings import Finding
from darkroom.audit.kinds import Audited
from darkroom.audit.kinds.classification import score as score
from darkroom.audit.points import find_equal_points, name_points
from darkroom.audit.table import Entry, Names
from darkroom.datasets.description import Description
from darkroom.datasets.points import read_points


def name_images(data: Path, _: Description) -> Names:
    """Return a name for each point: its split and its row."""
    return name_points(data)


def find(audited: Audited, _: Path) -> list[Finding]:
    """Return points that occur twice."""
    return find_equal_points(audited.data)


def count(data: Path, _: Description, __: list[Entry]) -> dict[str, Any]:
    """Return `imbalance`."""
    points = np.bincount(read_points(data, "train")[1])
    return {"imbalance": round(float(points.max() / points.min()), 2) if points.min() else None}
