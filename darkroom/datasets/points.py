"""Data sets of points on disk: features, and one class or one number per point."""

from pathlib import Path

import numpy as np

RANGES = 5  # of equal width: a regression is reported per range of its targets


def range_index(numbers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the range of each number.

    Args:
        numbers: of any shape.
        targets: their smallest and largest value are the bounds of the `RANGES`.

    Returns:
        The indices of the ranges, int64 of the shape of `numbers`. Numbers beyond the bounds count to the outer ranges.
    """
    edges = np.linspace(targets.min(), targets.max(), RANGES + 1)
    indices: np.ndarray = np.digitize(numbers, edges[1:-1])
    return indices


def points_path(folder: Path, split: str) -> Path:
    """Return the path of a split's features."""
    return folder / f"{split}_points.npy"


def read_points(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a split's features, float64 (n, features), and its classes, int64 (n,), or numbers, float64 (n, 1)."""
    return np.load(points_path(folder, split)), np.load(folder / f"{split}_targets.npy")
