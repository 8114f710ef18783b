"""Figures of models of points: decision regions of two features, and the fitted curve of one."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from darkroom.datasets.points import read_points
from darkroom.figures.pictures import class_colours
from darkroom.figures.style import BLUE, GREY, ORANGE, RED, save, short


def draw_regions(data: Path, grid: np.ndarray, predicted: np.ndarray, classes: list[str], path: Path) -> None:
    """Draw the class that the model predicts at each position, with the training points and with the test points.

    Args:
        data: the prepared data set, of two features.
        grid: float (n, 3): positions and predicted class ids on a square grid, as the stage `evaluate` writes them.
        predicted: the names of the classes predicted for the test points.
        classes: the names of all classes by id.
        path: of the PNG file.
    """
    colours = ListedColormap(class_colours(len(classes) + 1)[1:])
    side = round(len(grid) ** 0.5)
    x, y, class_ids = (column.reshape(side, side) for column in grid.T)
    figure, axes = plt.subplots(1, 2, figsize=(11, 5.2), sharex=True, sharey=True)
    for axis, split in zip(axes, ("train", "test"), strict=True):
        points, labels = read_points(data, split)
        axis.pcolormesh(x, y, class_ids, cmap=colours, vmin=-0.5, vmax=len(classes) - 0.5, alpha=0.35, rasterized=True)
        axis.scatter(*points.T, c=labels, cmap=colours, vmin=-0.5, vmax=len(classes) - 0.5, s=9)
        title = f"{len(points)} training points"
        if split == "test":
            wrong = predicted != np.array(classes)[labels]
            axis.scatter(*points[wrong].T, facecolors="none", edgecolors="black", s=50)
            title = f"{len(points)} test points, {wrong.sum()} of them wrong (ringed)"
        axis.set(title=title, xlabel="first feature", ylabel="second feature", aspect="equal")
        axis.grid(False)
    names = [Patch(color=colours(value), label=short(name)) for value, name in enumerate(classes)]
    figure.legend(handles=names, loc="outside lower center", ncols=6, fontsize=8)
    figure.suptitle("The class that the model predicts at each position")
    save(figure, path)


def draw_fit(data: Path, grid: np.ndarray, report: dict[str, Any], train: dict[str, Any], path: Path) -> None:
    """Draw the model's curve with the training points and the test points.

    Args:
        data: the prepared data set, of one feature.
        grid: float (n, 2): values of the feature, and the predictions there.
        report: the content of metrics/TASK/test.json.
        train: the content of metrics/TASK/train.json.
        path: of the PNG file.
    """
    figure, axis = plt.subplots(figsize=(9, 4.8))
    for split, colour, marker in (("train", BLUE, "o"), ("test", ORANGE, "^")):
        points, targets = read_points(data, split)
        axis.scatter(
            points[:, 0], targets[:, 0], color=colour, s=14, marker=marker, label=f"{len(points)} {split} points"
        )
    axis.plot(*grid.T, color=RED, linewidth=1.6, label="model")
    points, _ = read_points(data, "train")
    for edge in (points.min(), points.max()):
        axis.axvline(edge, color=GREY, linestyle=":")
    scores = f"R² {train['train_r2']:.3f} in training, {report['r2']:.3f} on the test points"
    axis.set(title=f"The model's curve: {scores}", xlabel="feature", ylabel="number")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    save(figure, path)


def read_grid(predictions: Path, features: int) -> np.ndarray | None:
    """Return the predictions on a grid of points, float (n, features + 1), or None if the task has other features."""
    path = predictions / "grid.npy"
    grid = np.load(path) if path.exists() else None
    return grid if grid is not None and grid.shape[1] == features + 1 else None
