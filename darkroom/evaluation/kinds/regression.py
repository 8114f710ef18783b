"""Evaluation of points with one number each."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.common.files import write_csv
from darkroom.common.numbers import DIGITS, round_metric
from darkroom.datasets.description import SPLITS
from darkroom.datasets.points import range_index, read_points
from darkroom.evaluation.grid import to_target_unit, write_grid
from darkroom.evaluation.inference import TrainedModel
from darkroom.evaluation.intervals import Interval, Ratios, as_lists, mean_interval, ratio_interval
from darkroom.evaluation.parameters import Evaluation
from darkroom.evaluation.tables import rounded
from darkroom.losses.squared_error import squared_error
from darkroom.metrics.errors import ErrorTally

TTA = ("none",)


def evaluate(trained: TrainedModel, _: Evaluation, folder: Path) -> dict[str, Any]:
    """Return the metrics of the test split, and write predictions and tables of them.

    It writes these files to `folder`, in the unit of the targets:

    - `predictions.csv`: the true and the predicted number of each point;
    - `confusion.npy`: the number of points by the range of the true number (row) and of the predicted number, int64
      (ranges, ranges);
    - `classes.csv`: number of points and RMSE of each range;
    - `grid.npy`: as `write_grid` writes it.

    Args:
        trained: the model and its data set.
        folder: where to write.
    """
    [(_points, targets, predicted)] = trained.batches()
    tally = ErrorTally(trained.device, unit=trained.card.target_std)
    tally.add(predicted, targets, squared_error(predicted, targets))
    true, estimates = read_points(trained.data, "test")[1][:, 0], to_target_unit(trained, predicted)
    decimals = max(0, DIGITS - math.floor(math.log10(trained.card.target_std)))
    pairs = zip(true.tolist(), estimates.tolist(), strict=True)
    rows = [[index, target, round(estimate, decimals)] for index, (target, estimate) in enumerate(pairs)]
    write_csv(folder / "predictions.csv", ["index", "true", "predicted"], rows)
    write_grid(trained, folder / "grid.npy")

    all_targets = np.concatenate([read_points(trained.data, split)[1] for split in SPLITS])
    names = trained.card.classes
    true_ranges, predicted_ranges = range_index(true, all_targets), range_index(estimates, all_targets)
    pairs_of_ranges = true_ranges * len(names) + predicted_ranges
    np.save(folder / "confusion.npy", np.bincount(pairs_of_ranges, minlength=len(names) ** 2).reshape(len(names), -1))
    errors = (estimates - true) ** 2
    by_range = []
    for number, name in enumerate(names):
        in_range = true_ranges == number
        rmse = round_metric(float(errors[in_range].mean() ** 0.5)) if in_range.any() else None
        by_range.append([name, int(in_range.sum()), rmse])
    write_csv(folder / "classes.csv", ["class", "points", "rmse"], by_range)
    return rounded(tally.compute()) | {"intervals": as_lists(error_intervals(true, estimates, trained.card.target_std))}


def error_intervals(
    true: NDArray[np.float64], estimates: NDArray[np.float64], unit: float
) -> dict[str, Interval | None]:
    """Return the intervals of a regression's metrics.

    Args:
        true: numbers in the unit of the targets, float (n,).
        estimates: likewise.
        unit: standard deviation of the targets before they were standardized.
    """
    errors = (estimates - true) ** 2
    loss = mean_interval(errors / unit**2)
    unexplained = ratio_interval(Ratios(errors[:, None], ((true - true.mean()) ** 2)[:, None]))
    return {
        "loss": loss,
        "r2": None if unexplained is None else (1 - unexplained[1], min(1.0, 1 - unexplained[0])),
        "rmse": None if loss is None else (unit * loss[0] ** 0.5, unit * loss[1] ** 0.5),
    }
