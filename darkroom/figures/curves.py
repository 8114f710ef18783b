"""Learning curves, and the curve of the learning rate."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from darkroom.figures.style import BLUE, GREY, ORANGE, save


def draw_curves(history: pd.DataFrame, score: str, kept_epoch: int, path: Path) -> None:
    """Draw loss and score of training and validation by epoch, side by side.

    Args:
        history: the content of `metrics/TASK/history.csv`, a row for each epoch.
        score: the metric that decides which epoch is kept, such as `accuracy`.
        kept_epoch: the epoch whose weights were kept. A dotted line marks it.
        path: of the PNG file.
    """
    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    _draw(axes[0], history, "loss")
    _draw(axes[1], history, score)
    axes[0].set_title("Loss by epoch")
    axes[1].set_title(f"{score.replace('_', ' ').capitalize()} by epoch")
    for axis in axes:
        axis.axvline(kept_epoch, color=GREY, linestyle=":", label="kept epoch")
        axis.legend()
    save(figure, path)


def draw_learning_rate(history: pd.DataFrame, path: Path) -> None:
    """Draw the learning rate at the end of each epoch. `history` is as for `draw_curves`."""
    figure, axis = plt.subplots(figsize=(5, 4))
    axis.plot(history["epoch"], history["lr"], color=BLUE, marker="o", markersize=3)
    axis.set(title="Learning rate at the end of each epoch", xlabel="epoch", ylabel="learning rate", ylim=(0, None))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    save(figure, path)


def _draw(axis: Axes, history: pd.DataFrame, name: str) -> None:
    for split, colour in (("train", BLUE), ("validation", ORANGE)):
        if f"{split}_{name}" in history:
            axis.plot(history["epoch"], history[f"{split}_{name}"], color=colour, marker="o", markersize=3, label=split)
    axis.set(xlabel="epoch", ylabel=name.replace("_", " "))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
