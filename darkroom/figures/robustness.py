"""Figures of a model's scores under corruptions and attacks."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from darkroom.figures.style import BLUE, GREY, ORANGE, save

NAMES = {"fgsm": "FGSM (one step)", "pgd": "PGD (many steps)"}


def draw_corruptions(table: pd.DataFrame, clean: float, path: Path) -> None:
    """Draw the score under each corruption as a row of a heat map, with the clean score at its left and the mean right.

    Args:
        table: a row for each corruption and severity, with the columns corruption, severity and a score from 0 to 1.
        clean: the score on the images as they are.
        path: of the PNG file.
    """
    score = str(table.columns[-1])
    grid = table.pivot(index="corruption", columns="severity", values=score).reindex(table["corruption"].unique())
    severities = [str(severity) for severity in grid.columns]
    names = [str(name).replace("_", " ") for name in grid.index]
    cells = np.column_stack([np.full(len(grid), clean), grid, grid.mean(axis=1)])
    figure, axis = plt.subplots(figsize=(7, 0.36 * len(grid) + 1.8))
    image = axis.imshow(cells, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    figure.colorbar(image, ax=axis, label=score.replace("_", " "))
    for (row, column), value in np.ndenumerate(cells):
        axis.text(column, row, f"{value:.2f}", ha="center", va="center", color="black" if value > 0.6 else "white")
    for border in (0.5, len(severities) + 0.5):
        axis.axvline(border, color="white", linewidth=4)
    axis.set_xticks(range(cells.shape[1]), ["clean", *severities, "mean"])
    axis.set_yticks(range(len(names)), names)
    axis.grid(False)
    title = f"{score.replace('_', ' ').capitalize()} under corruptions: mean {grid.to_numpy().mean():.3f}"
    axis.set(title=f"{title}, clean {clean:.3f}", xlabel="severity")
    save(figure, path)


def draw_attacks(table: pd.DataFrame, classes: int, path: Path) -> None:
    """Draw the accuracy under each attack by the largest change of a value.

    Args:
        table: a row for each attack and epsilon, with the columns attack, epsilon in grey levels, accuracy and images.
        classes: their number, from which the accuracy of a guess follows.
        path: of the PNG file.
    """
    figure, axis = plt.subplots(figsize=(6, 4))
    for (attack, rows), colour, marker in zip(table.groupby("attack", sort=True), (ORANGE, BLUE), "so", strict=True):
        axis.plot(rows["epsilon"], rows["accuracy"], color=colour, marker=marker, label=NAMES[str(attack)])
    axis.axhline(1 / classes, color=GREY, linestyle=":", label="a guess")
    images = int(table["images"].iloc[0])
    axis.set(title=f"Accuracy under attacks on {images:,} test images", ylim=(0, 1), ylabel="accuracy")
    axis.set_xlabel("largest change of a pixel's red, green or blue, in grey levels of 255")
    axis.legend()
    save(figure, path)
