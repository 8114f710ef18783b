"""Evaluation of points with one class each."""

from pathlib import Path
from typing import Any

from darkroom.common.numbers import round_metric
from darkroom.evaluation.classifier import error_interval, error_of_logits, evaluate_logits
from darkroom.evaluation.grid import write_grid
from darkroom.evaluation.inference import TrainedModel
from darkroom.evaluation.intervals import as_lists
from darkroom.evaluation.parameters import Evaluation

TTA = ("none",)


def evaluate(trained: TrainedModel, _: Evaluation, folder: Path) -> dict[str, Any]:
    """Return the metrics of the test split. Write the files of `evaluate_logits`, and `grid.npy` by `write_grid`.

    Args:
        trained: the model and its data set.
        folder: where to write.
    """
    [(_points, targets, logits)] = trained.batches()
    write_grid(trained, folder / "grid.npy")
    logits, targets = logits.cpu(), targets.cpu()
    metrics = evaluate_logits(trained.card.classes, logits, targets, folder)
    uncalibrated = logits * trained.card.temperature
    metrics["uncalibrated_error"] = round_metric(error_of_logits(uncalibrated, targets))
    metrics["intervals"] |= as_lists({"uncalibrated_error": error_interval(uncalibrated, targets)})
    return metrics
