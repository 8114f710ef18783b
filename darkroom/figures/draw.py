"""All figures of a task, and the tables behind the charts of `dvc plots`."""

from pathlib import Path

import numpy as np
import pandas as pd

from darkroom.common.files import read_json, replacing
from darkroom.datasets.description import Description
from darkroom.datasets.packed import read_split
from darkroom.datasets.pairs import image_paths, mask_path
from darkroom.figures.classes import draw_bars, draw_confusion, draw_object_sizes
from darkroom.figures.curves import draw_curves, draw_learning_rate
from darkroom.figures.pictures import draw_contact_sheet, draw_overlays, draw_predictions

CHARTS = ("loss", "score", "learning_rate", "confusion")


def draw(data: Path, predictions: Path, metrics: Path, folder: Path, charts: dict[str, Path]) -> None:
    """Write the figures of a task as PNG files to `folder`, and a CSV table for each of `CHARTS`.

    Args:
        data: the prepared data set.
        predictions: what the stage `evaluate` wrote.
        metrics: the folder of `history.csv` and `test.json`.
        charts: where each table goes.
    """
    description = Description.read(data)
    history = pd.read_csv(metrics / "history.csv")
    report = read_json(metrics / "test.json")
    confusion = np.load(predictions / "confusion.npy")
    with replacing(folder) as temporary:
        temporary.mkdir()
        draw_curves(history, description.score, temporary / "learning_curves.png")
        draw_learning_rate(history, temporary / "learning_rate.png")
        draw_confusion(confusion, description.classes, temporary / "confusion.png")
        if description.kind == "classification":
            _draw_classification(data, predictions, report, temporary)
        else:
            _draw_segmentation(data, predictions, report, temporary)
    tables = {
        "loss": _by_split(history, "loss"),
        "score": _by_split(history, description.score),
        "learning_rate": history[["epoch", "lr"]],
        "confusion": _confusion_table(confusion, description.classes),
    }
    for name in CHARTS:
        with replacing(charts[name]) as temporary:
            tables[name].to_csv(temporary, index=False, lineterminator="\n")


def _draw_classification(data: Path, predictions: Path, report: dict, folder: Path) -> None:
    accuracy = {entry["name"]: entry["accuracy"] for entry in report["classes"]}
    draw_bars(accuracy, "accuracy", report["accuracy"], folder / "classes.png")
    images, _ = read_split(data, "test")
    draw_predictions(images, _read_names(predictions / "predictions.csv"), folder / "predictions.png")


def _draw_segmentation(data: Path, predictions: Path, report: dict, folder: Path) -> None:
    iou = {entry["name"]: entry["iou"] for entry in report["classes"]}
    draw_bars(iou, "IoU", report["mean_iou"], folder / "classes.png")
    draw_object_sizes(report["objects"], folder / "objects.png")
    by_image = _read_names(predictions / "images.csv").set_index("image")["mean_iou"]
    draw_overlays(data, predictions, by_image, list(iou), folder / "overlays.png")
    images = image_paths(data, "train")
    masks = [mask_path(data, "train", image.stem) for image in images]
    draw_contact_sheet(images, masks, list(iou), folder / "annotations.png")


def _read_names(path: Path) -> pd.DataFrame:
    """A table in which an image or a class may be named `10`, `nan` or `null`."""
    return pd.read_csv(path, keep_default_na=False, dtype=dict.fromkeys(["image", "true", "predicted"], str))


def _by_split(history: pd.DataFrame, figure: str) -> pd.DataFrame:
    """Columns epoch, train and, where there is a validation split, validation."""
    columns = {"epoch": "epoch", f"train_{figure}": "train", f"validation_{figure}": "validation"}
    return history[[name for name in columns if name in history]].rename(columns=columns)


def _confusion_table(confusion: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """A row for each percent of a true class that was taken for a class: DVC's template counts rows."""
    percent = np.rint(100 * confusion / np.maximum(1, confusion.sum(1, keepdims=True))).astype(int)
    true, predicted = np.divmod(np.repeat(np.arange(percent.size), percent.ravel()), len(classes))
    return pd.DataFrame({"true": np.array(classes)[true], "predicted": np.array(classes)[predicted]})
