"""Figures by class: the confusion matrix, and one bar a class."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from darkroom.figures.style import BLUE, RED, save, short

MOST_NAMED = 30  # classes whose names and numbers fit a matrix
MOST_WITH_NUMBERS = 12
MOST_BARS = 40


def draw_confusion(confusion: np.ndarray, classes: list[str], path: Path) -> None:
    """Each row of `confusion`, int (classes, classes), as shares of its true class.

    Of more than 30 classes, the 20 that are mistaken most.
    """
    shares = confusion / np.maximum(1, confusion.sum(1, keepdims=True))
    title = "Confusion matrix: share of each true class"
    if len(classes) > MOST_NAMED:
        errors = confusion - np.diag(np.diagonal(confusion))
        shown = np.sort(np.argsort(-(errors.sum(0) + errors.sum(1)), kind="stable")[:20])
        shares, classes = shares[np.ix_(shown, shown)], [classes[index] for index in shown]
        title = f"Confusion matrix of the 20 most mistaken of {len(confusion)} classes"
    side = max(5.0, 0.42 * len(classes) + 2)
    figure, axis = plt.subplots(figsize=(side + 1, side))
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axis, label="share of the true class", shrink=0.8)
    names = [short(name) for name in classes]
    axis.set_xticks(range(len(names)), names, rotation=90 if len(names) > MOST_WITH_NUMBERS else 45, ha="center")
    axis.set_yticks(range(len(names)), names)
    axis.grid(False)
    axis.set(title=title, xlabel="predicted class", ylabel="true class")
    if len(names) <= MOST_WITH_NUMBERS:
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.005:
                colour = "white" if share > 0.5 else "black"
                axis.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=8, color=colour)
    save(figure, path)


def draw_bars(values: dict[str, float | None], what: str, overall: float, path: Path) -> None:
    """One bar a class, sorted; of more than 40 classes the 20 best and the 20 worst.

    Args:
        values: by class name, between 0 and 1; a class without a value is left out.
        what: their name.
        overall: of all classes together, drawn as a line.
    """
    bars = sorted((value, name) for name, value in values.items() if value is not None)
    title = f"{what[0].upper()}{what[1:]} by class"
    if len(bars) > MOST_BARS:
        title = f"{title}: the 20 best and the 20 worst of {len(bars)}"
        bars = bars[:20] + bars[-20:]
    figure, axis = plt.subplots(figsize=(7, max(2.5, 0.26 * len(bars) + 1.2)))
    axis.barh(range(len(bars)), [value for value, _ in bars], color=BLUE)
    for place, (value, _) in enumerate(bars):
        fits = value > 0.1
        axis.text(
            0.01 if fits else value + 0.01, place, f"{value:.2f}", va="center", color="white" if fits else "black"
        )
    axis.axvline(overall, color=RED, linestyle="--", label=f"overall {overall:.3f}")
    axis.set_yticks(range(len(bars)), [short(name) for _, name in bars])
    axis.set(title=title, xlabel=what, ylabel="class", xlim=(0, 1.08), ylim=(-0.6, len(bars) - 0.4))
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside lower right", fontsize=8)
    save(figure, path)
