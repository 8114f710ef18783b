"""All figures of a task, and the tables behind the charts of `dvc plots`."""

from pathlib import Path

import numpy as np
import pandas as pd

from darkroom.common.files import read_json, replacing
from darkroom.datasets.description import Description
from darkroom.datasets.packed import read_split
from darkroom.datasets.pairs import image_paths, mask_path
from darkroom.evaluation.tables import PLACES, read_names, truth_ranks
from darkroom.figures.classes import draw_bars, draw_confused_pairs, draw_confusion, draw_object_sizes
from darkroom.figures.confidence import draw_ranks, draw_reliability
from darkroom.figures.curves import draw_curves, draw_learning_rate
from darkroom.figures.explanations import draw_explanations, draw_mask_explanations
from darkroom.figures.feature_maps import draw_feature_maps
from darkroom.figures.pictures import draw_confident_errors, draw_contact_sheet, draw_overlays, draw_predictions
from darkroom.figures.points import draw_fit, draw_regions

MASK_COUNTS = ("images", "objects", "pixels", "share", "smallest", "largest")
CHARTS = ("loss", "score", "learning_rate", "confusion")


def draw(data: Path, predictions: Path, metrics: Path, folder: Path, charts: dict[str, Path]) -> None:
    """Write the figures of a task as PNG files to `folder`, and a CSV table for each of `CHARTS`.

    Args:
        data: the prepared data set.
        predictions: what the stage `evaluate` wrote.
        metrics: the folder of `history.csv`, `data.json` and `test.json`.
        charts: where each table goes.
    """
    description = Description.read(data)
    history = pd.read_csv(metrics / "history.csv")
    reports = {name: read_json(metrics / f"{name}.json") for name in ("data", "train", "test")}
    with replacing(folder) as temporary:
        temporary.mkdir()
        draw_curves(history, description.score, reports["train"]["kept_epoch"], temporary / "learning_curves.png")
        draw_learning_rate(history, temporary / "learning_rate.png")
        DRAWINGS[description.kind](data, predictions, reports, temporary)
    tables = {
        "loss": _by_split(history, "loss"),
        "score": _by_split(history, description.score),
        "learning_rate": history[["epoch", "lr"]],
        "confusion": _confusion_table(np.load(predictions / "confusion.npy"), description.classes),
    }
    for name in CHARTS:
        with replacing(charts[name]) as temporary:
            _write_table(temporary, tables[name])


def draw_classification(data: Path, predictions: Path, reports: dict[str, dict], folder: Path) -> None:
    """Write the figures of a classifier's answers to the test images; `reports` has `test`, those of `test.json`."""
    report = reports["test"]
    names = _draw_classes(predictions, report, folder)
    draw_confused_pairs(np.load(predictions / "confusion.npy"), names, folder / "confused_pairs.png")
    table = read_names(predictions / "predictions.csv")
    images, _ = read_split(data, "test")
    draw_predictions(images, table, folder / "predictions.png")
    draw_confident_errors(images, table, folder / "confident_errors.png")
    bins = pd.read_csv(predictions / "calibration.csv")
    draw_reliability(bins, report["expected_calibration_error"], folder / "reliability.png")
    draw_ranks(truth_ranks(table).to_numpy(), min(len(PLACES), len(names)), folder / "ranks.png")
    if (explained := predictions / "explanations.csv").exists():  # of a single model, not of an ensemble
        draw_explanations(images, read_names(explained), predictions / "explanations", folder / "grad_cam.png")
        layers = pd.read_csv(predictions / "feature_maps.csv")
        draw_feature_maps(images[0], layers, predictions / "feature_maps", folder / "feature_maps.png")


def _draw_classes(predictions: Path, report: dict, folder: Path) -> list[str]:
    """Table, confusion and accuracy of all classes; gives their names."""
    classes = pd.DataFrame(report["classes"])
    names = list(classes["name"])
    _write_table(folder / "classes.csv", classes.rename(columns={"name": "class", "images": "support"}))
    draw_confusion(np.load(predictions / "confusion.npy"), names, folder / "confusion.png")
    draw_bars(dict(zip(names, classes["recall"], strict=True)), "accuracy", report["accuracy"], folder / "classes.png")
    return names


def _draw_points(data: Path, predictions: Path, reports: dict[str, dict], folder: Path) -> None:
    names = _draw_classes(predictions, reports["test"], folder)
    predicted = read_names(predictions / "predictions.csv")["predicted"].to_numpy()
    grid = _grid(predictions, features=2)
    if grid is not None:
        draw_regions(data, grid, predicted, names, folder / "regions.png")


def _draw_curve(data: Path, predictions: Path, reports: dict[str, dict], folder: Path) -> None:
    classes = pd.DataFrame(reports["test"]["classes"])
    _write_table(folder / "classes.csv", classes.rename(columns={"name": "range"}))
    draw_confusion(np.load(predictions / "confusion.npy"), list(classes["name"]), folder / "confusion.png")
    grid = _grid(predictions, features=1)
    if grid is not None:
        draw_fit(data, grid, reports["test"], reports["train"], folder / "fit.png")


def _grid(predictions: Path, features: int) -> np.ndarray | None:
    """What the model says all over points of that many features, None of points of others."""
    path = predictions / "grid.npy"
    grid = np.load(path) if path.exists() else None
    return grid if grid is not None and grid.shape[1] == features + 1 else None


def _draw_segmentation(data: Path, predictions: Path, reports: dict[str, dict], folder: Path) -> None:
    report = reports["test"]
    confusion = np.load(predictions / "confusion.npy")
    iou = {entry["name"]: entry["iou"] for entry in report["classes"]}
    _write_table(folder / "classes.csv", _mask_table(reports["data"], report))
    draw_confusion(confusion, list(iou), folder / "confusion.png")
    draw_bars(iou, "IoU", report["mean_iou"], folder / "classes.png")
    draw_object_sizes(report["objects"], folder / "objects.png")
    by_image = read_names(predictions / "images.csv").set_index("image")["mean_iou"]
    draw_overlays(data, predictions, by_image, list(iou), folder / "overlays.png")
    explained = read_names(predictions / "explanations.csv")
    draw_mask_explanations(data, explained, predictions / "explanations", list(iou), folder / "grad_cam.png")
    images = image_paths(data, "train")
    masks = [mask_path(data, "train", image.stem) for image in images]
    draw_contact_sheet(images, masks, list(iou), folder / "annotations.png")


DRAWINGS = {
    "classification": draw_classification,
    "segmentation": _draw_segmentation,
    "points": _draw_points,
    "regression": _draw_curve,
}


def _mask_table(conversion: dict, report: dict) -> pd.DataFrame:
    """Of each class what its masks show, split by split, and how well those of the test split are predicted."""
    rows = []
    for entry, figures in zip(conversion["classes"], report["classes"], strict=True):
        row = {"class": entry["name"]}
        for split, counts in entry["splits"].items():
            row |= {f"{split}_{name}": counts.get(name) for name in MASK_COUNTS}
        rows.append(row | {name: value for name, value in figures.items() if name not in ("name", "pixels")})
    return pd.DataFrame(rows).convert_dtypes()  # whole numbers stay whole where a class has none


def _write_table(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(path, index=False, lineterminator="\n")


def _by_split(history: pd.DataFrame, figure: str) -> pd.DataFrame:
    """Columns epoch, train and, where there is a validation split, validation."""
    columns = {"epoch": "epoch", f"train_{figure}": "train", f"validation_{figure}": "validation"}
    return history[[name for name in columns if name in history]].rename(columns=columns)


def _confusion_table(confusion: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """A row for each percent of a true class that was taken for a class: DVC's template counts rows."""
    percent = np.rint(100 * confusion / np.maximum(1, confusion.sum(1, keepdims=True))).astype(int)
    true, predicted = np.divmod(np.repeat(np.arange(percent.size), percent.ravel()), len(classes))
    return pd.DataFrame({"true": np.array(classes)[true], "predicted": np.array(classes)[predicted]})
