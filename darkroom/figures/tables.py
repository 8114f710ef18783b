"""Tables beside figures."""

from pathlib import Path

import pandas as pd

from darkroom.common.files import write_text


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV file, with the same bytes on all systems."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
