"""Figures of models of points: the regions that a plane is divided into, and the curve that follows a cloud."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from darkroom.datasets.points import read_points
from darkroom.figures.pictures import class_colours
from darkroom.figures.style import BLUE, GREY, ORANGE, RED, save, short


def draw_regions(data: Path, grid: np.ndarray, predicted: np.ndarray, classes: list[str], path: Path) -> None:
    """Which class the model gives to each place, with the training points at the left and the test points at the right.

    Args:
        data: the prepared data set, of two features.
        grid: float (n, 3), places and class ids, as the stage `evaluate` writes it.
        predicted: the names of the test points' predicted classes.
    """
    colours = ListedColormap(class_colours(len(classes) + 1)[1:])
    side = round(len(grid) ** 0.5)
    x, y, said = (column.reshape(side, side) for column in grid.T)
    figure, axes = plt.subplots(1, 2, figsize=(11, 5.2), sharex=True, sharey=True)
    for axis, split in zip(axes, ("train", "test"), strict=True):
        points, labels = read_points(data, split)
        axis.pcolormesh(x, y, said, cmap=colours, vmin=-0.5, vmax=len(classes) - 0.5, alpha=0.35, rasterized=True)
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
    figure.suptitle("The class that the model gives to each place")
    save(figure, path)


def draw_fit(data: Path, grid: np.ndarray, report: dict, train: dict, path: Path) -> None:
    """The model's curve through the training points, and the test points that it did not see.

    Args:
        data: the prepared data set, of one feature.
        grid: float (n, 2), places and what the model says there.
        report, train: those of the test split and of training.
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
    told = f"R² {train['train_r2']:.3f} in training, {report['r2']:.3f} on the test points"
    axis.set(title=f"The model's curve: {told}", xlabel="feature", ylabel="number")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    save(figure, path)


def read_grid(predictions: Path, features: int) -> np.ndarray | None:
    """Read the predictions over the space of points, float (n, features + 1); None for another number of features."""
    path = predictions / "grid.npy"
    grid = np.load(path) if path.exists() else None
    return grid if grid is not None and grid.shape[1] == features + 1 else None
