"""Evaluation of points with one class each."""

from pathlib import Path

from darkroom.common.numbers import round_metric
from darkroom.evaluation.classifier import error_of_logits, evaluate_logits
from darkroom.evaluation.grid import write_grid
from darkroom.evaluation.inference import TrainedModel
from darkroom.evaluation.parameters import Evaluation

TTA = ("none",)
ROBUSTNESS: tuple[str, ...] = ()


def evaluate(trained: TrainedModel, _: Evaluation, folder: Path) -> dict[str, float | None]:
    """Return the metrics of the test split. Write the files of `evaluate_logits`, and `grid.npy` by `write_grid`.

    Args:
        trained: the model and its data set.
        folder: where to write.
    """
    [(_points, targets, logits)] = trained.batches()
    write_grid(trained, folder / "grid.npy")
    logits, targets = logits.cpu(), targets.cpu()
    uncalibrated = error_of_logits(logits * trained.card.temperature, targets)
    metrics = evaluate_logits(trained.card.classes, logits, targets, folder)
    return metrics | {"uncalibrated_error": round_metric(uncalibrated)}
