"""Evaluation of points with one class each."""

from pathlib import Path

from darkroom.evaluation.grid import write_grid
from darkroom.evaluation.inference import TrainedModel
from darkroom.evaluation.judge import judge
from darkroom.evaluation.parameters import Evaluation

TTA = ("none",)


def evaluate(trained: TrainedModel, _: Evaluation, folder: Path) -> dict[str, float | None]:
    """Compute the metrics of the test split. `folder` gets what `judge` writes, and `grid.npy` of `write_grid`."""
    [(_points, targets, logits)] = trained.batches()
    write_grid(trained, folder / "grid.npy")
    return judge(trained.card.classes, logits.cpu(), targets.cpu(), folder)
