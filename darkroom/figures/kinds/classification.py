"""Figures of images with one class each."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom.audit.table import Entry
from darkroom.datasets.packed import read_split
from darkroom.evaluation.tables import PLACES, read_names, truth_ranks
from darkroom.figures.audit_pictures import Pictures, packed_pictures
from darkroom.figures.classes import draw_class_recall, draw_confused_pairs
from darkroom.figures.confidence import draw_ranks, draw_reliability
from darkroom.figures.explanations import draw_explanations
from darkroom.figures.feature_maps import draw_feature_maps
from darkroom.figures.pictures import draw_confident_errors, draw_predictions
from darkroom.figures.robustness import draw_attacks, draw_corruptions

CLASS_METRIC = "recall"


def draw(data: Path, predictions: Path, reports: dict[str, dict[str, Any]], folder: Path) -> pd.DataFrame:
    """Write the figures; return the table of classes. Of `reports` only `test` is read."""
    classes = draw_class_recall(predictions, reports["test"]["accuracy"], folder)
    names = list(classes["class"])
    draw_confused_pairs(np.load(predictions / "confusion.npy"), names, folder / "confused_pairs.png")
    table = read_names(predictions / "predictions.csv")
    images, _ = read_split(data, "test")
    draw_predictions(images, table, folder / "predictions.png")
    draw_confident_errors(images, table, folder / "confident_errors.png")
    bins = pd.read_csv(predictions / "calibration.csv")
    draw_reliability(bins, reports["test"]["expected_calibration_error"], folder / "reliability.png")
    draw_ranks(truth_ranks(table).to_numpy(), min(len(PLACES), len(names)), folder / "ranks.png")
    if (explained := predictions / "explanations.csv").exists():  # an ensemble has no explanations
        draw_explanations(images, read_names(explained), predictions / "explanations", folder / "layer_cam.png")
        layers = pd.read_csv(predictions / "feature_maps.csv")
        draw_feature_maps(images[0], layers, predictions / "feature_maps", folder / "feature_maps.png")
    if (corrupted := predictions / "corruptions.csv").exists():
        draw_corruptions(pd.read_csv(corrupted), reports["test"]["accuracy"], folder / "corruptions.png")
    if (attacked := predictions / "attacks.csv").exists():
        draw_attacks(pd.read_csv(attacked), len(names), folder / "attacks.png")
    return classes


def draw_findings(data: Path, _: Path, entries: list[Entry]) -> Pictures:
    """Return the images of findings, and those that they repeat."""
    return packed_pictures(data, entries)
