"""Predictions of a model of points over the space between them."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from darkroom.batches.normalize import standardize
from darkroom.datasets.description import SPLITS
from darkroom.datasets.points import read_points
from darkroom.evaluation.inference import TrainedModel, logits_of

GRID = {1: 500, 2: 200}  # places a feature, by the number of features; of more features no picture can be drawn
MARGIN = 0.1  # of a feature's range, beyond its smallest and largest value


def write_grid(trained: TrainedModel, path: Path) -> None:
    """Write places all over the data with the model's predictions, float64 (n, features + 1).

    The last column is a class id or a number. Nothing is written for more than two features.
    """
    points = np.concatenate([read_points(trained.data, split)[0] for split in SPLITS])
    features = points.shape[1]
    if features not in GRID:
        return
    low, high = points.min(0), points.max(0)
    margin = MARGIN * (high - low)
    axes = [np.linspace(a, b, GRID[features]) for a, b in zip(low - margin, high + margin, strict=True)]
    places = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], 1)
    with torch.inference_mode():
        inputs = standardize(torch.from_numpy(places), trained.card.mean, trained.card.std).to(trained.device)
        outputs = logits_of(trained.model, trained.card, inputs).cpu()
    predicted = outputs.argmax(1).numpy() if outputs.shape[1] > 1 else to_target_unit(trained, outputs)
    np.save(path, np.column_stack([places, predicted]))


def to_target_unit(trained: TrainedModel, outputs: Tensor) -> np.ndarray:
    """Convert standardized numbers (n, 1) to the targets' unit, float64 (n,)."""
    return outputs.cpu().double().numpy()[:, 0] * trained.card.target_std + trained.card.target_mean
