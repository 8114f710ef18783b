"""The figures of each kind of task. Each module here is named after a kind and provides what `KindFigures` lists."""

from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd

from darkroom.common.named import module_named


class KindFigures(Protocol):
    """The figures of a kind of task.

    Attributes:
        TITLE: describes the task in the report. `{}` stands for the number of classes.
    """

    TITLE: str

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


def figures_of(kind: str) -> KindFigures:
    """Return the figures of a kind of task."""
    return cast(KindFigures, module_named(__name__, kind))
