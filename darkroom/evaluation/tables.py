"""Tables of predictions, and numbers as reports have them."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import pandas as pd

from darkroom.common.numbers import round_metric

PLACES = ("predicted", "second", "third", "fourth", "fifth")  # columns of predictions.csv: the likeliest classes


def rounded(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Round metrics as reports have them."""
    return {name: round_metric(float(value)) for name, value in metrics.items()}


def write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    """Write a table; None is an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def read_names(file: Path | IO[bytes]) -> pd.DataFrame:
    """Read a table in which an image or a class may be named `10`, `nan` or `null`."""
    return pd.read_csv(file, keep_default_na=False, dtype=dict.fromkeys(["image", "class", "true", *PLACES], str))


def read_classes(file: Path | IO[bytes]) -> pd.DataFrame:
    """Read `classes.csv`: the metrics of each class, whatever its name, NaN where it has none."""
    table = pd.read_csv(file, keep_default_na=False, dtype=str)
    numbers = {name: pd.to_numeric(table[name].replace("", None)) for name in table if name != "class"}
    return table.assign(**numbers)


def truth_ranks(predictions: pd.DataFrame) -> "pd.Series[int]":
    """Return the place of each image's true class among the likeliest ones, 1 to 5; 0 where it is none of them."""
    ranks = pd.Series(0, index=predictions.index)
    for place, column in enumerate(PLACES, start=1):
        if column in predictions:
            ranks += place * (predictions[column] == predictions["true"])
    return ranks
