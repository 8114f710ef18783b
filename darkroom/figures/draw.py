"""All figures of a task, and the tables behind the charts of `dvc plots`."""

from pathlib import Path

import numpy as np
import pandas as pd

from darkroom.common.files import read_json, replacing
from darkroom.datasets.description import Description
from darkroom.figures.curves import draw_curves, draw_learning_rate
from darkroom.figures.kinds import draw_kind
from darkroom.figures.tables import write_table

CHARTS = ("loss", "score", "confusion")
CHART_IMAGES = ("learning_curves", "learning_rate", "confusion")  # what `dvc plots` shows as charts, for reports alone


def draw(
    data: Path, predictions: Path, metrics: Path, folder: Path, chart_images: Path, charts: dict[str, Path]
) -> None:
    """Write the figures of a task as PNG files, and a CSV table for each of `CHARTS`.

    Args:
        data: the prepared data set.
        predictions: the folder that the stage `evaluate` wrote.
        metrics: the folder of `history.csv`, `train.json` and `test.json`.
        folder: the folder to write the figures and the table of classes to.
        chart_images: the folder to write those of `CHART_IMAGES` to.
        charts: the path of each table, by its name in `CHARTS`.
    """
    description = Description.read(data)
    history = pd.read_csv(metrics / "history.csv")
    reports = {name: read_json(metrics / f"{name}.json") for name in ("train", "test")}
    with replacing(folder) as temporary, replacing(chart_images) as images:
        temporary.mkdir()
        images.mkdir()
        draw_curves(history, description.score, reports["train"]["kept_epoch"], temporary / "learning_curves.png")
        draw_learning_rate(history, temporary / "learning_rate.png")
        draw_kind(description.kind, data, predictions, reports, temporary)
        for name in CHART_IMAGES:
            (temporary / f"{name}.png").replace(images / f"{name}.png")
    tables = {
        "loss": _by_split(history, "loss"),
        "score": _by_split(history, description.score),
        "confusion": _confusion_table(np.load(predictions / "confusion.npy"), description.classes),
    }
    for name in CHARTS:
        with replacing(charts[name]) as temporary:
            write_table(temporary, tables[name])


def _by_split(history: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the columns epoch, train and, if there is a validation split, validation of a metric."""
    columns = {"epoch": "epoch", f"train_{metric}": "train", f"validation_{metric}": "validation"}
    return history[[name for name in columns if name in history]].rename(columns=columns)


def _confusion_table(confusion: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """Return a table for DVC's confusion template, which counts rows: one row for each percent of a true class."""
    percent = np.rint(100 * confusion / np.maximum(1, confusion.sum(1, keepdims=True))).astype(int)
    true, predicted = np.divmod(np.repeat(np.arange(percent.size), percent.ravel()), len(classes))
    return pd.DataFrame({"true": np.array(classes)[true], "predicted": np.array(classes)[predicted]})
