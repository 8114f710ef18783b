"""The evaluation of each kind of task. Each module here is named after a kind and has what `Evaluator` lists."""

from pathlib import Path
from typing import Protocol, cast

from darkroom.common.named import module_named
from darkroom.evaluation.inference import TrainedModel
from darkroom.evaluation.parameters import Evaluation


class Evaluator(Protocol):
    """How models of a kind of task are evaluated.

    Attributes:
        TTA: the values that `evaluate.tta` may have.
    """

    TTA: tuple[str, ...]

    def evaluate(self, trained: TrainedModel, parameters: Evaluation, folder: Path) -> dict[str, float | None]:
        """Compute the metrics of the test split, the numbers that people compare; write the rest to `folder`.

        Every kind writes `predictions.csv` or `masks/`, `confusion.npy` and `classes.csv`.
        """


def evaluator_of(kind: str) -> Evaluator:
    """Return the evaluator of a kind of task."""
    return cast(Evaluator, module_named(__name__, kind))
