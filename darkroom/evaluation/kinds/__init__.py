"""Evaluators. Each module here is named after a kind of task and implements `Evaluator`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

from darkroom.common.named import module_named, names_in
from darkroom.datasets.kinds import kind_of
from darkroom.evaluation.inference import TrainedModel
from darkroom.evaluation.intervals import Difference
from darkroom.evaluation.parameters import Evaluation

Reader = Callable[[str], bytes]  # takes the name of a file in data/predictions/TASK


class Evaluator(Protocol):
    """Evaluation of models of a kind of task.

    Attributes:
        TTA: values of `evaluate.tta` that the kind supports.
        ROBUSTNESS: which of `evaluate.corruptions` and `evaluate.attacks` the kind supports.
    """

    TTA: tuple[str, ...]
    ROBUSTNESS: tuple[str, ...]

    def evaluate(self, trained: TrainedModel, parameters: Evaluation, folder: Path) -> dict[str, Any]:
        """Return the metrics of the test split with their `intervals`, and write predictions and tables to `folder`.

        Every kind writes `confusion.npy`, `classes.csv`, and `predictions.csv` or `masks/`.

        Args:
            trained: the model and its data set.
            parameters: of the evaluation.
            folder: where to write.
        """

    def difference(self, score: str, first: Reader, second: Reader) -> Difference | None:
        """Return the paired difference of a score of two models, of which the predictions on the same images are kept.

        Args:
            score: a metric of test.json.
            first: reads a file of the first model's predictions.
            second: likewise.

        Returns:
            The second model's score minus the first one's. None: the predictions are of other images, or do not tell
            this metric, or differ too little for a test.
        """


def kind_of_report(report: dict[str, Any]) -> str:
    """Return the first kind of task whose score is in a test.json. Kinds with the same score are compared alike."""
    return next(kind for kind in names_in(kind_of.__module__) if kind_of(kind).SCORE in report)


def evaluator_of(kind: str) -> Evaluator:
    """Return the evaluator of a kind of task."""
    return cast(Evaluator, module_named(__name__, kind))
