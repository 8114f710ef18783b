"""Evaluators. Each module here is named after a kind of task and implements `Evaluator`."""

from pathlib import Path
from typing import Any, Protocol, cast

from darkroom.common.named import module_named
from darkroom.evaluation.inference import TrainedModel
from darkroom.evaluation.parameters import Evaluation


class Evaluator(Protocol):
    """Evaluation of models of a kind of task.

    Attributes:
        TTA: values of `evaluate.tta` that the kind supports.
    """

    TTA: tuple[str, ...]

    def evaluate(self, trained: TrainedModel, parameters: Evaluation, folder: Path) -> dict[str, Any]:
        """Return the metrics of the test split with their `intervals`, and write predictions and tables to `folder`.

        Every kind writes `confusion.npy`, `classes.csv`, and `predictions.csv` or `masks/`.

        Args:
            trained: the model and its data set.
            parameters: of the evaluation.
            folder: where to write.
        """


def evaluator_of(kind: str) -> Evaluator:
    """Return the evaluator of a kind of task."""
    return cast(Evaluator, module_named(__name__, kind))
