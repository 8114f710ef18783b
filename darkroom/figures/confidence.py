"""Figures of a classifier's confidence, and of the rank of the true class."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from darkroom.figures.style import BLUE, ORANGE, save


def draw_reliability(bins: pd.DataFrame, error: float, path: Path) -> None:
    """Draw accuracy by confidence beside the diagonal of a calibrated model, and a histogram of the confidence.

    Args:
        bins: a row for each bin of confidence, with the columns images and accuracy. The bins are of equal width, from
            0 to 1.
        error: the expected calibration error.
        path: of the PNG file.
    """
    width = 1 / len(bins)
    left = np.arange(len(bins)) * width
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(5.5, 6), sharex=True, height_ratios=[3, 1])
    upper.bar(left, bins["accuracy"], width, align="edge", color=BLUE, edgecolor="white", label="accuracy")
    upper.plot([0, 1], [0, 1], color="black", linestyle="--", label="calibrated")
    upper.set(title=f"Reliability: expected calibration error {error:.3f}", ylabel="accuracy", ylim=(0, 1))
    upper.legend(loc="upper left")
    lower.bar(left, bins["images"] / bins["images"].sum(), width, align="edge", color=ORANGE, edgecolor="white")
    lower.set(xlabel="confidence", ylabel="share of images", xlim=(0, 1))
    save(figure, path)


def draw_ranks(ranks: np.ndarray, most: int, path: Path) -> None:
    """Draw how often the true class is the most probable one, the second most probable one, and so on.

    Args:
        ranks: the rank of the true class in each image, int (n,): 1 is the most probable class. 0 stands for all ranks
            beyond `most`.
        most: the largest rank with a bar of its own.
        path: of the PNG file.
    """
    places = [*range(1, most + 1), 0]
    names = [str(place) if place else "later" for place in places]
    shares = [float((ranks == place).mean()) for place in places]
    figure, axis = plt.subplots(figsize=(6, 4))
    axis.bar(names, shares, color=[BLUE] * most + [ORANGE])
    for place, share in enumerate(shares):
        axis.text(place, share, f"{share:.1%}", ha="center", va="bottom", fontsize=9)
    axis.set(title="Rank of the true class", xlabel="rank among the predicted classes", ylabel="share of test images")
    axis.set_ylim(0, 1.08)
    axis.grid(axis="x", visible=False)
    save(figure, path)
