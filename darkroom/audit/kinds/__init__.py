"""Audits. Each module here is named after a kind of task and implements `Auditor`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from darkroom.audit.findings import Finding
from darkroom.audit.table import Entry, Names
from darkroom.common.named import module_named
from darkroom.datasets.description import Description
from darkroom.device.setup import Setup
from darkroom.evaluation.intervals import Interval


@dataclass(frozen=True)
class Audited:
    """A data set that is audited.

    Attributes:
        data: the folder of the prepared data set.
        description: of it.
        seed: of all random draws.
        setup: what is computed with.
        model: the file of a trained model; None: there is none.
    """

    data: Path
    description: Description
    seed: int
    setup: Setup
    model: Path | None = None


class Auditor(Protocol):
    """The audit of data sets of a kind of task."""

    def name_images(self, data: Path, description: Description) -> Names:
        """Return the names of all images, by split and in their order."""

    def find(self, audited: Audited, folder: Path) -> list[Finding]:
        """Return what looks wrong.

        Args:
            audited: the data set.
            folder: for pictures that the page shows besides the images.
        """

    def count(self, data: Path, description: Description, entries: list[Entry]) -> dict[str, Any]:
        """Return the counts that only this kind has, and `imbalance`: the largest class of training by the smallest."""

    def score(self, predictions: Path, left_out: list[int]) -> tuple[float | None, Interval | None]:
        """Return the score of the test split without some of its images, and its interval; None: nothing is left.

        Args:
            predictions: the folder that the stage `evaluate` wrote.
            left_out: indices of the images.
        """


def auditor_of(kind: str) -> Auditor:
    """Return the auditor of a kind of task."""
    return cast(Auditor, module_named(__name__, kind))
