"""Numbers and predictions as reports and tables have them."""

import csv
from pathlib import Path
from typing import IO

import pandas as pd

from darkroom.common.numbers import round_metric

PLACES = ("predicted", "second", "third", "fourth", "fifth")  # columns of predictions.csv: the likeliest classes


def rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round_metric(float(value)) for name, value in figures.items()}


def write_csv(path: Path, header: list[str], rows: list[list]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def read_names(file: Path | IO[bytes]) -> pd.DataFrame:
    """A table in which an image or a class may be named `10`, `nan` or `null`."""
    return pd.read_csv(file, keep_default_na=False, dtype=dict.fromkeys(["image", "class", "true", *PLACES], str))


def truth_ranks(predictions: pd.DataFrame) -> pd.Series:
    """The place of each image's true class among the likeliest ones, 1 to 5; 0 where it is none of them."""
    named = [column for column in PLACES if column in predictions]
    return sum((place + 1) * (predictions[column] == predictions["true"]) for place, column in enumerate(named))
