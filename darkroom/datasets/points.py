"""Data sets of points on disk: features, and one class or one number for each."""

from pathlib import Path

import numpy as np

RANGES = 5  # of equal width, that a regression's numbers are told in


def ranges(numbers: np.ndarray, of: np.ndarray) -> np.ndarray:
    """In which of the `RANGES` between the smallest and the largest of `of` each number is; int64, as `numbers`."""
    edges = np.linspace(of.min(), of.max(), RANGES + 1)
    return np.digitize(numbers, edges[1:-1])


def points_path(folder: Path, split: str) -> Path:
    return folder / f"{split}_points.npy"


def read_points(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """The features of a split, float64 (n, features), and its classes, int64 (n,), or numbers, float64 (n, 1)."""
    return np.load(points_path(folder, split)), np.load(folder / f"{split}_targets.npy")
