"""The figure of a study."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.ticker import MaxNLocator

from darkroom.figures.style import BLUE, RED, save, short

MOST_CURVES = 10  # more could not be told apart
OTHER_METRICS = ("mean_iou", "loss")  # drawn by epoch if the history does not have the score
LOWEST, HIGHEST = -0.2, 1.02  # limits of the axis of a score by epoch; the best score is 1
LONGEST_LABEL = 44  # letters


def draw_study(points: pd.DataFrame, curves: dict[str, pd.DataFrame], score: str, path: Path) -> None:
    """Draw the test scores as bars with their intervals, and the score or loss by epoch of both splits as curves.

    Args:
        points: a row for each point, with the columns point, score, low, high and reported.
        curves: by point, the histories of its runs, one below the other. A curve is their mean.
        score: the name of the metric.
        path: of the PNG file.
    """
    rows = points.dropna(subset="score")[::-1].reset_index(drop=True)
    name = score.replace("_", " ")
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, max(3.5, 0.34 * len(rows) + 1.5)), width_ratios=[1, 1.1])
    ends = (rows["score"] - rows["low"], rows["high"] - rows["score"])
    left.barh(
        rows.index, rows["score"], xerr=[side.clip(lower=0) for side in ends], color=BLUE, ecolor="black", capsize=2
    )
    for place, row in rows.iterrows():
        left.text(0.01, place, f"{row['score']:.3f}", va="center", color="white", fontsize=8)
    if rows["reported"].notna().any():
        left.scatter(rows["reported"], rows.index, color=RED, marker="D", zorder=3, label="reported")
        left.legend()
    left.set_yticks(rows.index, [short(point, LONGEST_LABEL) for point in rows["point"]], fontsize=8)
    left.set(title=f"Test {name}", xlabel=name, xlim=(0, None))
    left.grid(axis="y", visible=False)
    colours = plt.get_cmap("viridis")
    kept = list(curves.items())[:MOST_CURVES]
    columns = set.intersection(*(set(history) for _, history in kept))
    metric = next(one for one in (score, *OTHER_METRICS) if f"validation_{one}" in columns)
    for number, (point, history) in enumerate(kept):
        mean, colour = history.groupby("epoch").mean(), colours(number / max(1, len(kept) - 1) * 0.9)
        marker = "." if len(mean) == 1 else None  # a single epoch makes no line
        right.plot(
            mean.index, mean[f"validation_{metric}"], color=colour, marker=marker, label=short(point, LONGEST_LABEL)
        )
        right.plot(mean.index, mean[f"train_{metric}"], color=colour, linestyle=":", alpha=0.7)
    limit = f", the first {MOST_CURVES} points" if len(curves) > MOST_CURVES else ""
    metric_name = metric.replace("_", " ")
    right.set(title=f"Validation and (dotted) training {metric_name}{limit}", xlabel="epoch", ylabel=metric_name)
    if metric != "loss":  # a score far below zero would press the other curves flat
        bottom, top = right.get_ylim()
        right.set_ylim(max(LOWEST, bottom), min(HIGHEST, top))
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.legend(fontsize=7)
    save(figure, path)
