"""Predictions of experiments, as DVC stored them."""

import io
from pathlib import Path

import pandas as pd

from darkroom.evaluation.tables import read_classes, read_names
from darkroom.revisions import read_at

SIDES = ("a", "b")  # the names of the two compared revisions in results


def predictions_file(task: str, revision: str, name: str) -> bytes:
    """Return the content of a file of a task's predictions at a revision."""
    return read_at(Path("data/predictions", task, name), revision)


def predictions_at(task: str, revision: str) -> pd.DataFrame:
    """Read `predictions.csv` of a task at a revision."""
    return table_at(task, "predictions.csv", revision)


def table_at(task: str, name: str, revision: str) -> pd.DataFrame:
    """Read a CSV file of a task's predictions at a revision, as `read_names`."""
    return read_names(io.BytesIO(predictions_file(task, revision, name)))


def classes_at(task: str, revision: str) -> pd.DataFrame:
    """Read the metrics of each class of a task at a revision, as `read_classes`."""
    return read_classes(io.BytesIO(predictions_file(task, revision, "classes.csv")))
