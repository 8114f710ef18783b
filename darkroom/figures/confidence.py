"""How sure a classifier is, and how far its answers are from the truth."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from darkroom.figures.style import BLUE, ORANGE, save


def draw_reliability(bins: pd.DataFrame, error: float, path: Path) -> None:
    """Accuracy by confidence, beside what a calibrated model would have, and how many predictions are how sure.

    Args:
        bins: of equal width from 0 to 1, each with its images and accuracy.
        error: the expected calibration error.
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
    """How often the true class is the likeliest one, the second, …

    Args:
        ranks: of each image, int (n,), 1 for the likeliest; 0 where it is beyond the `most` likeliest.
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
