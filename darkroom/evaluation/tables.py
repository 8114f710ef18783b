"""Reading of the tables of predictions, and rounding of metrics."""

from collections.abc import Mapping
from pathlib import Path
from typing import IO

import pandas as pd

from darkroom.common.numbers import round_metric

PLACES = ("predicted", "second", "third", "fourth", "fifth")  # columns of the likeliest classes in predictions.csv


def rounded(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Return metrics rounded as in reports. NaN stays NaN."""
    return {name: round_metric(float(value)) for name, value in metrics.items()}


def read_names(file: Path | IO[bytes]) -> pd.DataFrame:
    """Read a table with names of images and classes. Names such as `10`, `nan` and `null` stay strings."""
    return pd.read_csv(file, keep_default_na=False, dtype=dict.fromkeys(["image", "class", "true", *PLACES], str))


def read_classes(file: Path | IO[bytes]) -> pd.DataFrame:
    """Read `classes.csv`, the metrics of each class. Empty cells become NaN; class names stay strings."""
    table = pd.read_csv(file, keep_default_na=False, dtype=str)
    numbers = {str(name): pd.to_numeric(table[name].replace("", None)) for name in table if name != "class"}
    return table.assign(**numbers)


def truth_ranks(predictions: pd.DataFrame) -> "pd.Series[int]":
    """Return the rank of each image's true class, 1 to 5 for the likeliest classes and 0 for all others.

    Args:
        predictions: the table `predictions.csv`.
    """
    ranks = pd.Series(0, index=predictions.index)
    for place, column in enumerate(PLACES, start=1):
        if column in predictions:
            ranks += place * (predictions[column] == predictions["true"])
    return ranks
