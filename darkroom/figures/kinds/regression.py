"""Figures of points with one number each."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom.audit.table import Entry
from darkroom.evaluation.tables import read_classes
from darkroom.figures.audit_pictures import Pictures
from darkroom.figures.classes import draw_confusion
from darkroom.figures.points import draw_fit, read_grid

CLASS_METRIC = None  # of ranges of numbers there are errors alone


def draw(data: Path, predictions: Path, reports: dict[str, dict[str, Any]], folder: Path) -> pd.DataFrame:
    """Write the figures; return the table of ranges, into which the numbers are divided."""
    classes = read_classes(predictions / "classes.csv")
    draw_confusion(np.load(predictions / "confusion.npy"), list(classes["class"]), folder / "confusion.png")
    grid = read_grid(predictions, features=1)
    if grid is not None:
        draw_fit(data, grid, reports["test"], reports["train"], folder / "fit.png")
    return classes.rename(columns={"class": "range"})


def draw_findings(_: Path, __: Path, entries: list[Entry]) -> Pictures:
    """Return no pictures: points have none."""
    return [[] for _ in entries]
