"""The metrics of every epoch as a CSV file, and those of the epoch whose weights are kept.

Neither holds times, so that equal runs give equal bytes.
"""

from pathlib import Path

from darkroom.common.files import replacing, write_csv


def write_history(path: Path, rows: list[dict[str, float]]) -> None:
    """Write one line per epoch as CSV. The columns are the keys of the first row."""
    columns = list(rows[0])
    with replacing(path) as temporary:
        write_csv(temporary, columns, [[row[column] for column in columns] for row in rows])


def best_row(rows: list[dict[str, float]], score: str) -> dict[str, float]:
    """Return the row of the epoch with the highest validation `score`; of equals, the one with the lower loss or later.

    It compares rounded numbers, as the history file has them, so that a resumed run chooses the same epoch.
    """
    return max(rows, key=lambda row: (row[f"validation_{score}"], -row["validation_loss"], row["epoch"]))


def summary(rows: list[dict[str, float]], score: str, keep: str) -> dict[str, float]:
    """Return the number of the epoch whose weights are kept, its loss and `score` on both splits, and their gap.

    Args:
        rows: the history, one row per epoch.
        score: the metric that decides which epoch is best.
        keep: `best` or `last`. Without a validation split the last epoch is kept.
    """
    has_validation = f"validation_{score}" in rows[0]
    kept = best_row(rows, score) if has_validation and keep == "best" else rows[-1]
    metrics = {"epochs": len(rows), "kept_epoch": kept["epoch"]}
    for split in ("train", "validation") if has_validation else ("train",):
        metrics |= {f"{split}_{name}": kept[f"{split}_{name}"] for name in ("loss", score)}
    if has_validation:
        metrics["generalization_gap"] = round(kept[f"train_{score}"] - kept[f"validation_{score}"], 6)
    return metrics
