"""Predictions for a regular grid of points over the range of the data."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.batches.normalize import standardize
from darkroom.datasets.description import SPLITS
from darkroom.datasets.points import read_points
from darkroom.evaluation.inference import TrainedModel, logits_of

RESOLUTION = {1: 500, 2: 200}  # grid points along each feature, by the number of features; more cannot be drawn
MARGIN = 0.1  # how far the grid reaches beyond the values of a feature, as a fraction of their range


def write_grid(trained: TrainedModel, path: Path) -> None:
    """Write the predictions for a grid over all points of a data set. Write nothing for more than two features.

    Args:
        trained: the model and its data set.
        path: NumPy file to write, float64 (n, features + 1). The last column is the predicted class id or number.
    """
    points = np.concatenate([read_points(trained.data, split)[0] for split in SPLITS])
    features = points.shape[1]
    if features not in RESOLUTION:
        return
    low, high = points.min(0), points.max(0)
    margin = MARGIN * (high - low)
    axes = [np.linspace(a, b, RESOLUTION[features]) for a, b in zip(low - margin, high + margin, strict=True)]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], 1)
    with torch.inference_mode():
        inputs = standardize(torch.from_numpy(grid), trained.card.mean, trained.card.std).to(trained.device)
        outputs = logits_of(trained.model, trained.card, inputs).cpu()
    predicted = outputs.argmax(1).numpy() if outputs.shape[1] > 1 else to_target_unit(trained, outputs)
    np.save(path, np.column_stack([grid, predicted]))


def to_target_unit(trained: TrainedModel, outputs: Tensor) -> NDArray[np.float64]:
    """Convert the outputs of a regression, standardized (n, 1), to the unit of its targets, float64 (n,)."""
    return outputs.cpu().double().numpy()[:, 0] * trained.card.target_std + trained.card.target_mean
