"""The figures of each kind of task. Each module here is named after a kind and provides what `KindFigures` lists."""

from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd

from darkroom.audit.table import Entry
from darkroom.common.named import module_named
from darkroom.datasets.pairs import image_paths
from darkroom.evaluation.tables import read_classes
from darkroom.figures.audit_pictures import Pictures
from darkroom.figures.fonts import LEGEND, readable
from darkroom.figures.tables import write_table


class KindFigures(Protocol):
    """The figures of a kind of task.

    Attributes:
        CLASS_METRIC: the column of `classes.csv` that tells how well a class is found, higher being better; or None.
    """

    CLASS_METRIC: str | None

    def draw(self, data: Path, predictions: Path, reports: dict[str, dict[str, Any]], folder: Path) -> pd.DataFrame:
        """Write figures as PNG files to `folder`.

        Args:
            data: the prepared data set.
            predictions: the folder that the stage `evaluate` wrote.
            reports: the content of metrics/TASK/train.json and test.json by `train` and `test`.
            folder: the folder to write to.

        Returns:
            The table of classes for the report.
        """

    def draw_findings(self, data: Path, found: Path, entries: list[Entry]) -> Pictures:
        """Return the pictures of the findings of an audit; none for each where there are no images.

        Args:
            data: the prepared data set.
            found: the folder that the audit wrote.
            entries: the findings.
        """


def figures_of(kind: str) -> KindFigures:
    """Return the figures of a kind of task."""
    return cast(KindFigures, module_named(__name__, kind))


def draw_kind(kind: str, data: Path, predictions: Path, reports: dict[str, dict[str, Any]], folder: Path) -> None:
    """Write the figures of a kind of task, and its table of classes to `classes.csv`.

    If names of classes had to be numbered, the table has a column of their numbers.

    Args:
        kind: the kind of task.
        data, predictions, reports, folder: as of `KindFigures.draw`.
    """
    classes = list(read_classes(predictions / "classes.csv")["class"])
    images = [image.stem for split in ("train", "test") for image in image_paths(data, split)]
    with readable(classes, images, folder / LEGEND) as names:
        table = figures_of(kind).draw(data, predictions, reports, folder)
    if set(classes) & set(names.used):
        table.insert(1, "number", range(len(table)))
    write_table(folder / "classes.csv", table)
