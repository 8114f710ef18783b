"""Numbers as reports and tables have them."""

import csv
from pathlib import Path

DIGITS = 6


def rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(float(value), DIGITS) for name, value in figures.items()}


def write_csv(path: Path, header: list[str], rows: list[list]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
