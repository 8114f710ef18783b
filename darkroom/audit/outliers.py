"""Images that are far from all others in the features of a network."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

NEIGHBOURS = 10
ROWS_AT_ONCE = 1000  # of the matrix of similarities
SPREADS = 5.0  # by how many spreads above the median the distance of an outlier is, at least
QUANTILE, QUANTILE_IN_SPREADS = 0.9, 1.2816  # of a normal distribution
DECIMALS = 4
SMALLEST_DISTANCE = 1e-4


@dataclass(frozen=True)
class Outlier:
    """An image that is far from all others.

    Attributes:
        index: of the image.
        score: how far its distance from the nearest others is above the median, in spreads, rounded.
    """

    index: int
    score: float


def find_outliers(embeddings: np.ndarray, groups: np.ndarray | None = None) -> list[Outlier]:
    """Return the images that are far from all others, the farthest first.

    The distance of an image is one minus the mean cosine similarity to its nearest neighbours (Kuan and Mueller, "Back
    to the basics: revisiting out-of-distribution detection baselines", arXiv:2207.03061). The spread is that of a
    normal distribution with the same median and the same 90 % quantile of the distances' logarithms.

    Args:
        embeddings: features of the images, float (n, d).
        groups: numbers of the networks that gave the features, int64 (n,). Only images of one group are compared.
            None: all are of one network.
    """
    groups = np.zeros(len(embeddings), np.int64) if groups is None else groups
    found = []
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        scores = _scores(torch.from_numpy(embeddings[rows]).float())
        found += [Outlier(int(row), score) for row, score in zip(rows, scores, strict=True) if score >= SPREADS]
    return sorted(found, key=lambda outlier: (-outlier.score, outlier.index))


def _scores(features: Tensor) -> list[float]:
    """Return how far from the others each image is, in spreads above the median, rounded. The features are (n, d)."""
    neighbours = min(NEIGHBOURS, len(features) - 1)
    if neighbours < 1:
        return [0.0] * len(features)
    directions = torch.nn.functional.normalize(features - features.mean(0), dim=1)
    distances = []
    for start in range(0, len(directions), ROWS_AT_ONCE):
        similarities = directions[start : start + ROWS_AT_ONCE] @ directions.T
        similarities.diagonal(start).fill_(-1)  # of each image to itself
        distances.append(1 - similarities.topk(neighbours, dim=1).values.mean(1))
    logarithms = torch.cat(distances).double().clamp_min(SMALLEST_DISTANCE).log()
    median, high = (float(logarithms.quantile(q)) for q in (0.5, QUANTILE))
    spread = (high - median) / QUANTILE_IN_SPREADS
    if spread <= 0:
        return [0.0] * len(features)
    return [round(score, DECIMALS) for score in ((logarithms - median) / spread).tolist()]
