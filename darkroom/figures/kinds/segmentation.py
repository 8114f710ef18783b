"""Figures of images with one class for each pixel."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom.audit.table import Entry
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.pairs import image_paths, mask_path
from darkroom.datasets.report import read_report
from darkroom.evaluation.tables import read_classes, read_names
from darkroom.figures.audit_pictures import Pictures, pair_pictures
from darkroom.figures.classes import draw_bars, draw_confusion, draw_object_sizes
from darkroom.figures.explanations import draw_mask_explanations
from darkroom.figures.pictures import class_colours, draw_contact_sheet, draw_overlays
from darkroom.figures.robustness import draw_corruptions

CLASS_METRIC = "iou"
MASK_COUNTS = ("images", "objects", "pixels", "share", "smallest", "largest")


def draw(data: Path, predictions: Path, reports: dict[str, dict[str, Any]], folder: Path) -> pd.DataFrame:
    """Write the figures; return the table of classes, with counts in the masks and the metrics of the predictions."""
    classes = read_classes(predictions / "classes.csv")
    names = list(classes["class"])
    draw_confusion(np.load(predictions / "confusion.npy"), names, folder / "confusion.png")
    iou = {str(name): float(value) for name, value in classes.set_index("class")["iou"].dropna().items()}
    draw_bars(iou, "IoU", reports["test"]["mean_iou"], folder / "classes.png")
    draw_object_sizes(pd.read_csv(predictions / "objects.csv"), folder / "objects.png")
    by_image = read_names(predictions / "images.csv").set_index("image")["mean_iou"]
    draw_overlays(data, predictions, by_image, names, folder / "overlays.png")
    explained = read_names(predictions / "explanations.csv")
    draw_mask_explanations(data, explained, predictions / "explanations", names, folder / "layer_cam.png")
    if (corrupted := predictions / "corruptions.csv").exists():
        draw_corruptions(pd.read_csv(corrupted), reports["test"]["mean_iou"], folder / "corruptions.png")
    images = image_paths(data, "train")
    masks = [mask_path(data, "train", image.stem) for image in images]
    draw_contact_sheet(images, masks, names, folder / "annotations.png")
    counts = [
        {f"{split}_{name}": of_split.get(name) for split, of_split in entry["splits"].items() for name in MASK_COUNTS}
        for entry in read_report(data)["classes"]
    ]
    table = pd.concat([classes[["class"]], pd.DataFrame(counts), classes.drop(columns=["class", "pixels"])], axis=1)
    return table.convert_dtypes()  # keeps integers as integers in columns with missing values


def draw_findings(data: Path, found: Path, entries: list[Entry]) -> Pictures:
    """Return the images of findings and those that they repeat; of likely wrong masks, these and the predicted ones."""
    predicted = {split: found / "masks" / split for split in SPLITS}
    colours = np.rint(255 * class_colours(len(Description.read(data).classes))).astype(np.uint8)
    return pair_pictures(data, predicted, colours, entries)
