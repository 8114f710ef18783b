"""Figures by class: confusion matrix, one bar for each class, and objects by size."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from darkroom.evaluation.tables import read_classes
from darkroom.figures.style import BLUE, ORANGE, RED, save, short

MOST_NAMED = 30  # classes whose names and numbers fit a matrix
MOST_WITH_NUMBERS = 12
MOST_BARS = 40
MOST_PAIRS = 10  # most frequent errors


def draw_confusion(confusion: np.ndarray, classes: list[str], path: Path) -> None:
    """Draw a confusion matrix, int (classes, classes), each row as shares of its true class.

    Of more than 30 classes, only the 20 with the most errors are drawn.
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


def draw_confused_pairs(confusion: np.ndarray, classes: list[str], path: Path) -> None:
    """Draw the ten most frequent errors of a confusion matrix, int (classes, classes), as bars."""
    errors = confusion - np.diag(np.diagonal(confusion))
    order = np.argsort(-errors, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [divmod(int(place), len(classes)) for place in order if errors.flat[place]][::-1]
    figure, axis = plt.subplots(figsize=(7, max(2.5, 0.34 * len(pairs) + 1.2)))
    for place, (true, predicted) in enumerate(pairs):
        count = int(errors[true, predicted])
        axis.barh(place, count, color=ORANGE)
        axis.text(
            count, place, f" {count} ({count / confusion[true].sum():.1%} of {short(classes[true])})", va="center"
        )
    axis.set_yticks(
        range(len(pairs)), [f"{short(classes[true])} predicted as {short(classes[guess])}" for true, guess in pairs]
    )
    axis.set(title=f"The {len(pairs)} most frequent errors" if pairs else "No errors", xlabel="test images")
    axis.margins(x=0.45)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(axis="y", visible=False)
    save(figure, path)


def draw_bars(values: dict[str, float], what: str, overall: float, path: Path) -> None:
    """Draw one bar for each class, sorted; of more than 40 classes the 20 best and the 20 worst.

    Args:
        values: values of the metric by class name, from 0 to 1.
        what: the name of the metric.
        overall: the metric over all classes, drawn as a line.
        path: of the PNG file.
    """
    bars = sorted((value, name) for name, value in values.items())
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


def draw_class_recall(predictions: Path, accuracy: float, folder: Path) -> pd.DataFrame:
    """Draw the confusion matrix and the recall of each class of a classifier.

    Args:
        predictions: the folder that the stage `evaluate` wrote.
        accuracy: the accuracy over all classes.
        folder: the folder to write `confusion.png` and `classes.png` to.

    Returns:
        The table of classes.
    """
    classes = read_classes(predictions / "classes.csv")
    draw_confusion(np.load(predictions / "confusion.npy"), list(classes["class"]), folder / "confusion.png")
    recall = dict(zip(classes["class"], classes["recall"], strict=True))
    draw_bars(recall, "accuracy", accuracy, folder / "classes.png")
    return classes.rename(columns={"images": "support"})


def draw_object_sizes(sizes: pd.DataFrame, path: Path) -> None:
    """Draw recall and precision of objects by their size, two bars for each size.

    Args:
        sizes: a row for each size, with the columns size, under (its limit in pixels), objects, recall, predicted and
            precision.
        path: of the PNG file.
    """
    figure, axis = plt.subplots(figsize=(6.5, 4))
    bars = (
        ("recall", "objects", BLUE, "recall (of the true objects)"),
        ("precision", "predicted", ORANGE, "precision (of the predicted objects)"),
    )
    for place, (share, count, colour, label) in enumerate(bars):
        for index, (value, total) in enumerate(zip(sizes[share], sizes[count], strict=True)):
            x, height = index + 0.4 * place - 0.2, 0 if np.isnan(value) else value
            axis.bar(x, height, 0.38, color=colour, label=label if index == 0 else None)
            text = "none" if np.isnan(value) else f"{value:.2f}\nof {total}"
            axis.text(x, height + 0.01, text, ha="center", va="bottom", fontsize=8)
    limits = ["more" if np.isnan(under) else f"under {under:,.0f}" for under in sizes["under"]]
    axis.set_xticks(range(len(sizes)), [f"{name}\n{limit}" for name, limit in zip(sizes["size"], limits, strict=True)])
    axis.set(title="Objects by size", ylabel="share of the objects", xlabel="size in pixels", ylim=(0, 1.18))
    axis.grid(axis="x", visible=False)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    save(figure, path)
