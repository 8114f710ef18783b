"""What came out of a study."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.ticker import MaxNLocator

from darkroom.figures.style import BLUE, RED, save

MOST_CURVES = 10  # points whose curves can be told apart
OTHERS = ("mean_iou", "loss")  # by epoch, where it is not the score
LOWEST, HIGHEST = -0.2, 1.02  # of a score that is drawn; all are 1 at best
LONGEST = 44  # characters of a point's label


def draw_study(points: pd.DataFrame, curves: dict[str, pd.DataFrame], score: str, path: Path) -> None:
    """The test score of each point, beside what others report, and score or loss by epoch in validation and training.

    Args:
        points: a row for each: point, score, spread, reported.
        curves: of points, the histories of their runs one under the other; a point's curve is their mean.
        score: its name.
    """
    shown = points.dropna(subset="score")[::-1].reset_index(drop=True)
    name = score.replace("_", " ")
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, max(3.5, 0.34 * len(shown) + 1.5)), width_ratios=[1, 1.1])
    left.barh(shown.index, shown["score"], xerr=shown["spread"], color=BLUE, ecolor="black", capsize=2)
    for place, row in shown.iterrows():
        left.text(0.01, place, f"{row['score']:.3f}", va="center", color="white", fontsize=8)
    if shown["reported"].notna().any():
        left.scatter(shown["reported"], shown.index, color=RED, marker="D", zorder=3, label="reported")
        left.legend()
    left.set_yticks(shown.index, [_cut(point) for point in shown["point"]], fontsize=8)
    left.set(title=f"Test {name}", xlabel=name, xlim=(0, None))
    left.grid(axis="y", visible=False)
    colours = plt.get_cmap("viridis")
    kept = list(curves.items())[:MOST_CURVES]
    told = set.intersection(*(set(history) for _, history in kept))
    drawn = next(figure for figure in (score, *OTHERS) if f"validation_{figure}" in told)
    for number, (point, history) in enumerate(kept):
        mean, colour = history.groupby("epoch").mean(), colours(number / max(1, len(kept) - 1) * 0.9)
        dot = "." if len(mean) == 1 else None  # of one epoch there is no line
        right.plot(mean.index, mean[f"validation_{drawn}"], color=colour, marker=dot, label=_cut(point))
        right.plot(mean.index, mean[f"train_{drawn}"], color=colour, linestyle=":", alpha=0.7)
    of = f", the first {MOST_CURVES} points" if len(curves) > MOST_CURVES else ""
    drawn_name = drawn.replace("_", " ")
    right.set(title=f"Validation and (dotted) training {drawn_name}{of}", xlabel="epoch", ylabel=drawn_name)
    if drawn != "loss":  # a score far below nothing would press the others flat
        bottom, top = right.get_ylim()
        right.set_ylim(max(LOWEST, bottom), min(HIGHEST, top))
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.legend(fontsize=7)
    save(figure, path)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
