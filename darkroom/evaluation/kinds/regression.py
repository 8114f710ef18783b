"""Evaluation of points with one number each."""

import math
from pathlib import Path

import numpy as np

from darkroom.common.numbers import DIGITS, round_metric
from darkroom.datasets.description import SPLITS
from darkroom.datasets.points import range_index, read_points
from darkroom.evaluation.grid import to_target_unit, write_grid
from darkroom.evaluation.inference import TrainedModel
from darkroom.evaluation.parameters import Evaluation
from darkroom.evaluation.tables import rounded, write_csv
from darkroom.losses.squared_error import squared_error
from darkroom.metrics.errors import ErrorTally

TTA = ("none",)


def evaluate(trained: TrainedModel, _: Evaluation, folder: Path) -> dict[str, float | None]:
    """Compute the metrics of the test split. `folder` gets, all in the targets' unit,

    - `predictions.csv`: true and predicted number of each point;
    - `confusion.npy`: int64 (ranges, ranges), how often a number of each range (row) was predicted in each range;
    - `classes.csv`: points and RMSE of each range;
    - `grid.npy`: of `write_grid`.
    """
    [(_points, targets, predicted)] = trained.batches()
    tally = ErrorTally(trained.device, unit=trained.card.target_std)
    tally.add(predicted, targets, squared_error(predicted, targets))
    true, guessed = read_points(trained.data, "test")[1][:, 0], to_target_unit(trained, predicted)
    places = max(0, DIGITS - math.floor(math.log10(trained.card.target_std)))
    pairs = zip(true.tolist(), guessed.tolist(), strict=True)
    rows = [[index, target, round(guess, places)] for index, (target, guess) in enumerate(pairs)]
    write_csv(folder / "predictions.csv", ["index", "true", "predicted"], rows)
    write_grid(trained, folder / "grid.npy")

    everywhere = np.concatenate([read_points(trained.data, split)[1] for split in SPLITS])
    names = trained.card.classes
    true_ranges, guessed_ranges = range_index(true, everywhere), range_index(guessed, everywhere)
    pairs_of_ranges = true_ranges * len(names) + guessed_ranges
    np.save(folder / "confusion.npy", np.bincount(pairs_of_ranges, minlength=len(names) ** 2).reshape(len(names), -1))
    errors = (guessed - true) ** 2
    by_range = []
    for number, name in enumerate(names):
        within = true_ranges == number
        by_range.append(
            [name, int(within.sum()), round_metric(float(errors[within].mean() ** 0.5)) if within.any() else None]
        )
    write_csv(folder / "classes.csv", ["class", "points", "rmse"], by_range)
    return rounded(tally.compute())
