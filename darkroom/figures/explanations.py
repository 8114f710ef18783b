"""Figures of Layer-CAM: which parts of an image speak for a class."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from PIL import Image

from darkroom.datasets.pairs import image_paths, mask_path, read_image, read_mask
from darkroom.figures.pictures import class_colours, overlay
from darkroom.figures.style import GREEN, RED, save, short

HEAT = "inferno"
LEAST_WIDTH = 9.0  # inches, so that the title fits
OPACITY = 0.55  # of the heat over the grey image


def draw_explanations(images: np.ndarray, explained: pd.DataFrame, folder: Path, path: Path) -> None:
    """Draw images beside their heat maps for the true class and, if another class was predicted, for that one.

    Args:
        images: the test images, uint8 (n, h, w, 3).
        explained: a row for each explained image, with the columns index, kind, true and predicted. Each kind gets
            three columns of the figure.
        folder: the folder of the heat maps `INDEX_true.png` and `INDEX_predicted.png`, grey, bright where the image
            speaks for that class.
        path: of the PNG file.
    """
    kinds = {kind: rows.reset_index(drop=True) for kind, rows in explained.groupby("kind", sort=False)}
    rows, columns = max(map(len, kinds.values()), default=1), 3 * max(1, len(kinds))
    width = max(LEAST_WIDTH, 1.25 * columns)
    figure, axes = plt.subplots(rows, columns, figsize=(width, 1.5 * rows + 0.6), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for place, of_kind in enumerate(kinds.values()):
        for (_, row), cells in zip(of_kind.iterrows(), axes, strict=False):
            plain, true, predicted = cells[3 * place : 3 * place + 3]
            image = images[row["index"]]
            plain.imshow(image, interpolation="nearest")
            plain.set_title(row["kind"], fontsize=7)
            _show(true, image, folder / f"{row['index']}_true.png", f"for {short(row['true'])}", GREEN)
            if row["true"] != row["predicted"]:
                title = f"for {short(row['predicted'])}"
                _show(predicted, image, folder / f"{row['index']}_predicted.png", title, RED)
    figure.suptitle("Layer-CAM: bright places speak for the true class (green) or for the wrongly predicted one (red)")
    save(figure, path)


def draw_mask_explanations(data: Path, explained: pd.DataFrame, folder: Path, classes: list[str], path: Path) -> None:
    """Draw each explained class in the image with its best IoU, at the left, and in the one with its worst IoU.

    Args:
        data: the prepared data set.
        explained: two rows for each class, best and worst, with the columns class, id, image and iou.
        folder: the folder of the heat maps `ROW.png`, grey, bright where the image speaks for the class.
        classes: the names of all classes by id.
        path: of the PNG file.
    """
    files = {file.stem: file for file in image_paths(data, "test")}
    colours = class_colours(len(classes))
    rows = max(1, len(explained) // 2)
    figure, axes = plt.subplots(rows, 4, figsize=(11, 2.2 * rows + 0.6), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for number, ((_, row), (plain, heat)) in enumerate(zip(explained.iterrows(), axes.reshape(-1, 2), strict=False)):
        image, mask = read_image(files[row["image"]]), read_mask(mask_path(data, "test", row["image"]))
        plain.imshow(overlay(image, np.where(mask == row["id"], mask, 0), colours))
        plain.set_title(f"{short(row['image'])}: {short(row['class'])}", fontsize=8)
        end, colour = (("best", GREEN), ("worst", RED))[number % 2]
        _show(heat, image, folder / f"{number}.png", f"the {end}, IoU {row['iou']:.2f}", colour)
    figure.suptitle("Layer-CAM of each class, in the images with its best and its worst IoU")
    save(figure, path)


def _show(axis: Axes, image: np.ndarray, heat: Path, title: str, colour: str) -> None:
    """Draw the heat map of the file `heat` over the image in grey."""
    with Image.open(heat) as file:
        strength = np.asarray(file) / 255
    grey = image.mean(axis=2, keepdims=True).repeat(3, axis=2) / 255
    axis.imshow((1 - OPACITY) * grey + OPACITY * plt.get_cmap(HEAT)(strength)[..., :3], interpolation="bilinear")
    axis.set_title(title, fontsize=7, color=colour)
