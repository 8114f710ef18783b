"""Figures of points with one class each."""

from pathlib import Path
from typing import Any

import pandas as pd

from darkroom.audit.table import Entry
from darkroom.evaluation.tables import read_names
from darkroom.figures.audit_pictures import Pictures
from darkroom.figures.classes import draw_class_recall
from darkroom.figures.points import draw_regions, read_grid

CLASS_METRIC = "recall"


def draw(data: Path, predictions: Path, reports: dict[str, dict[str, Any]], folder: Path) -> pd.DataFrame:
    """Write the figures; return the table of classes."""
    classes = draw_class_recall(predictions, reports["test"]["accuracy"], folder)
    predicted = read_names(predictions / "predictions.csv")["predicted"].to_numpy()
    grid = read_grid(predictions, features=2)
    if grid is not None:
        draw_regions(data, grid, predicted, list(classes["class"]), folder / "regions.png")
    return classes


def draw_findings(_: Path, __: Path, entries: list[Entry]) -> Pictures:
    """Return no pictures: points have none."""
    return [[] for _ in entries]
