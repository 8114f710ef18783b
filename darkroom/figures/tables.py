"""Tables beside figures."""

from pathlib import Path

import pandas as pd


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV file, with the same bytes on all systems."""
    table.to_csv(path, index=False, lineterminator="\n")
