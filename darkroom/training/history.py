"""The figures of every epoch in one CSV file.

It holds no times, so that equal runs give equal bytes.
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
