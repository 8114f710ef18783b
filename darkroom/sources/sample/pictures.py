"""Pictures of one thing each: a silhouette on a cluttered background."""

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from darkroom.common.parallel import on_all_cores
from darkroom.sources.sample.silhouettes import SILHOUETTES, fill, placed, unit_vectors

CHUNK = 100  # pictures that a worker draws at a time
OVERSAMPLING = 2  # drawn this much larger, then averaged: smooth edges


@dataclass(frozen=True)
class Difficulty:
    """What makes a picture hard: `clutter` polygons, `noise` in grey levels, sizes in shares of the side."""

    clutter: int
    noise: int
    smallest: float
    largest: float


def pictures(names: list[str], side: int, difficulty: Difficulty, description: str) -> list[np.ndarray]:
    """A picture of each silhouette in `names`, drawn on all cores, the n-th from a generator keyed by n."""
    return list(on_all_cores(partial(_pictures, side, difficulty), list(enumerate(names)), description, CHUNK))


def _pictures(side: int, difficulty: Difficulty, things: list[tuple[int, str]]) -> list[np.ndarray]:
    cv2.setNumThreads(0)  # none of its own: they would not outlive the fork that made this process
    return [picture(name, side, difficulty, np.random.default_rng([0, number])) for number, name in things]


def picture(name: str, side: int, difficulty: Difficulty, draw: np.random.Generator) -> np.ndarray:
    """A picture of the silhouette `name`; uint8 (side, side, 3), RGB."""
    large = side * OVERSAMPLING
    canvas = soft_noise(large, large, 4, draw)
    for _ in range(difficulty.clutter):
        corners = draw.random((3 + draw.integers(3), 2)) * large * 0.45
        fill(canvas, corners + draw.random(2) * large * 0.8 - large * 0.1, random_colour(draw))

    scale = (difficulty.smallest + draw.random() * (difficulty.largest - difficulty.smallest)) * large / 2
    centre = large / 2 + (draw.random(2) - 0.5) * (large - 2 * scale)
    turn = unit_vectors((draw.random() - 0.5) * 0.6)
    mirrored = draw.random() < 0.5
    mask = np.zeros((large, large), np.uint8)
    for solid, points in SILHOUETTES[name]:
        fill(mask, placed(points, centre, scale, turn, mirrored), 255 if solid else 0)

    behind = canvas[mask > 0].astype(np.int64).sum(axis=0) // max(1, np.count_nonzero(mask))
    colour = contrasting_colour(behind, draw)
    surface = soft_noise(large, large, 3, draw).astype(np.int16) // 4 - 32 + np.array(colour, np.int16)
    canvas = np.where(mask[..., None] > 0, np.clip(surface, 0, 255), canvas)
    return add_noise(shrunk(canvas), difficulty.noise, draw)


def soft_noise(height: int, width: int, knots: int, draw: np.random.Generator) -> np.ndarray:
    """Random colours on a grid of `knots` × `knots`, smoothly joined; uint8 (height, width, 3)."""
    grid = draw.integers(0, 256, (knots, knots, 3), dtype=np.uint8)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)


def random_colour(draw: np.random.Generator) -> tuple[int, int, int]:
    return tuple(int(level) for level in draw.integers(0, 256, 3))


def contrasting_colour(behind: np.ndarray, draw: np.random.Generator, contrast: int = 120) -> tuple[int, int, int]:
    """A random colour at least `contrast` grey levels from `behind` (3,), the channels' distances added up."""
    while True:
        colour = random_colour(draw)
        if np.abs(behind - colour).sum() >= contrast:
            return colour


def shrunk(canvas: np.ndarray) -> np.ndarray:
    """Averages of `OVERSAMPLING`² pixels; (h, w, 3) to uint8 (h / 2, w / 2, 3)."""
    height, width, channels = canvas.shape
    n = OVERSAMPLING
    cells = canvas.astype(np.uint16).reshape(height // n, n, width // n, n, channels)
    return (cells.sum(axis=(1, 3), dtype=np.uint16) // n**2).astype(np.uint8)


def add_noise(image: np.ndarray, levels: int, draw: np.random.Generator) -> np.ndarray:
    """`image` with triangular noise of at most `levels` grey levels either way; uint8 of the same shape."""
    noise = draw.integers(0, levels + 1, (2, *image.shape), dtype=np.int16)
    return np.clip(image + (noise[0] - noise[1]), 0, 255).astype(np.uint8)
