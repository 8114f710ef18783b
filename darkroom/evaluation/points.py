"""What a model of points gets right and wrong on the test split, and what it says of the space between them."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from darkroom.batches.normalize import standardize
from darkroom.common.numbers import DIGITS, round_metric
from darkroom.datasets.description import SPLITS
from darkroom.datasets.points import range_index, read_points
from darkroom.evaluation.classification import judge
from darkroom.evaluation.inference import Trial, logits_of
from darkroom.evaluation.parameters import Evaluation
from darkroom.evaluation.tables import rounded, write_csv
from darkroom.losses.squared_error import squared_error
from darkroom.metrics.numbers import ErrorTally

GRID = {1: 500, 2: 200}  # places a feature, by how many features there are; of more, no picture can be drawn
MARGIN = 0.1  # of a feature's width, beyond its smallest and largest value


def evaluate_points(trial: Trial, _: Evaluation, folder: Path) -> dict:
    """The figures of the test split; to `folder` goes what `judge` writes, and `grid.npy` as `write_grid` says."""
    [(_, targets, logits)] = trial.batches()
    write_grid(trial, folder / "grid.npy")
    return judge(trial.card.classes, logits.cpu(), targets.cpu(), folder)


def evaluate_curve(trial: Trial, _: Evaluation, folder: Path) -> dict:
    """The figures of the test split; to `folder` go

    - `predictions.csv`: of each point the true and the predicted number, in their own unit, as all that follows;
    - `confusion.npy`: int64 (ranges, ranges), how often a number of each range (row) was taken for one of another;
    - `grid.npy`: as `write_grid` says.
    """
    [(_, targets, predicted)] = trial.batches()
    tally = ErrorTally(trial.card.kind, 1, trial.device, unit=trial.card.target_std)
    tally.add(predicted, targets, squared_error(predicted, targets))
    true, guessed = read_points(trial.data, "test")[1][:, 0], _in_own_unit(trial, predicted)
    places = max(0, DIGITS - math.floor(math.log10(trial.card.target_std)))
    rows = [
        [index, a, round(b, places)] for index, (a, b) in enumerate(zip(true.tolist(), guessed.tolist(), strict=True))
    ]
    write_csv(folder / "predictions.csv", ["index", "true", "predicted"], rows)
    write_grid(trial, folder / "grid.npy")

    everywhere = np.concatenate([read_points(trial.data, split)[1] for split in SPLITS])
    names = trial.card.classes
    of_true, of_guessed = range_index(true, everywhere), range_index(guessed, everywhere)
    confusion = np.bincount(of_true * len(names) + of_guessed, minlength=len(names) ** 2).reshape(len(names), -1)
    np.save(folder / "confusion.npy", confusion)
    errors = (guessed - true) ** 2
    classes = [
        {
            "name": name,
            "points": int((of_true == value).sum()),
            "rmse": round_metric(float(errors[of_true == value].mean() ** 0.5)) if (of_true == value).any() else None,
        }
        for value, name in enumerate(names)
    ]
    return rounded(tally.figures()) | {"classes": classes}


def _in_own_unit(trial: Trial, answers: Tensor) -> np.ndarray:
    """Standardized numbers (n, 1) in the targets' unit; float64 (n,)."""
    return answers.cpu().double().numpy()[:, 0] * trial.card.target_std + trial.card.target_mean


def write_grid(trial: Trial, path: Path) -> None:
    """Write places all over the data, and what the model says there: float64 (n, features + 1), the last one's class id
    or number. Of more than two features nothing is written."""
    points = np.concatenate([read_points(trial.data, split)[0] for split in SPLITS])
    features = points.shape[1]
    if features not in GRID:
        return
    low, high = points.min(0), points.max(0)
    margin = MARGIN * (high - low)
    axes = [np.linspace(a, b, GRID[features]) for a, b in zip(low - margin, high + margin, strict=True)]
    places = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], 1)
    with torch.inference_mode():
        inputs = standardize(torch.from_numpy(places), trial.card.mean, trial.card.std).to(trial.device)
        said = logits_of(trial.model, trial.card, inputs).cpu()
    answer = said.argmax(1).numpy() if said.shape[1] > 1 else _in_own_unit(trial, said)
    np.save(path, np.column_stack([places, answer]))
