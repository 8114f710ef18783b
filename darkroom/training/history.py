"""The figures of every epoch in one CSV file, and their sum.

Neither holds times, so that equal runs give equal bytes.
"""

import csv
from pathlib import Path

from darkroom.common.files import replacing


def write_history(path: Path, rows: list[dict[str, float]]) -> None:
    """Write one line an epoch, the columns named after the first row's keys."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def best_row(rows: list[dict[str, float]], score: str) -> dict[str, float]:
    """The row of the epoch with the highest validation `score`; of equal ones that of the lower loss, then the later.

    Compared is what the history says, rounded, so that a run that goes on from a file finds the same.
    """
    return max(rows, key=lambda row: (row[f"validation_{score}"], -row["validation_loss"], row["epoch"]))


def summary(rows: list[dict[str, float]], score: str, keep: str) -> dict[str, float]:
    """The epoch that was kept, its loss and `score` on both splits, and the generalization gap between them.

    Args:
        keep: `best` or `last`.
    """
    validated = f"validation_{score}" in rows[0]
    kept = best_row(rows, score) if validated and keep == "best" else rows[-1]
    figures = {"epochs": len(rows), "kept_epoch": kept["epoch"]}
    for split in ("train", "validation") if validated else ("train",):
        figures |= {f"{split}_{name}": kept[f"{split}_{name}"] for name in ("loss", score)}
    if validated:
        figures["generalization_gap"] = round(kept[f"train_{score}"] - kept[f"validation_{score}"], 6)
    return figures
