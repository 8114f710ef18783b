"""Pictures of one silhouette each on a cluttered background."""

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from darkroom.common.parallel import on_all_cores
from darkroom.sources.sample.silhouettes import SILHOUETTES, fill, place, unit_vectors

CHUNK = 100  # pictures that a worker draws at a time
OVERSAMPLING = 2  # the canvas is larger by this factor and then averaged, which smooths edges
HALF_COVERED = 127  # the average of a mask of 0 and 255 where a silhouette covers half of a pixel


@dataclass(frozen=True)
class Difficulty:
    """How hard a picture is to classify.

    Attributes:
        clutter: number of polygons behind the silhouette.
        noise: largest change of a pixel, in grey levels.
        smallest: smallest size of the silhouette, as a share of the picture's side.
        largest: largest size of the silhouette.
    """

    clutter: int
    noise: int
    smallest: float
    largest: float


def draw_pictures(names: list[str], side: int, difficulty: Difficulty, description: str) -> list[np.ndarray]:
    """Draw the silhouettes `names` on all cores, the n-th picture from a generator keyed by n.

    Args:
        names: keys of `SILHOUETTES`.
        side: of the pictures, in pixels.
        difficulty: of all pictures.
        description: the label of the progress bar.

    Returns:
        A picture of each, uint8 (side, side, 3), RGB.
    """
    return list(on_all_cores(partial(_draw_numbered, side, difficulty), list(enumerate(names)), description, CHUNK))


def _draw_numbered(side: int, difficulty: Difficulty, numbered: list[tuple[int, str]]) -> list[np.ndarray]:
    cv2.setNumThreads(0)  # the worker processes use all cores already
    return [draw_picture(name, side, difficulty, number)[0] for number, name in numbered]


def draw_picture(name: str, side: int, difficulty: Difficulty, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the silhouette `name` from a generator keyed by `number`.

    Returns:
        The picture, uint8 (side, side, 3), RGB; and its object, bool (side, side): where the silhouette covers at
        least half of a pixel.
    """
    draw = np.random.default_rng([0, number])
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
        fill(mask, place(points, centre, scale, turn, mirrored), 255 if solid else 0)

    behind = canvas[mask > 0].astype(np.int64).sum(axis=0) // max(1, np.count_nonzero(mask))
    colour = contrasting_colour(behind, draw)
    surface = soft_noise(large, large, 3, draw).astype(np.int16) // 4 - 32 + np.array(colour, np.int16)
    canvas = np.where(mask[..., None] > 0, np.clip(surface, 0, 255), canvas)
    covered = shrink(mask[..., None])[..., 0]
    return add_noise(shrink(canvas), difficulty.noise, draw), covered >= HALF_COVERED


def soft_noise(height: int, width: int, knots: int, draw: np.random.Generator) -> np.ndarray:
    """Return random colours on a grid of `knots` × `knots`, interpolated; uint8 (height, width, 3)."""
    grid = draw.integers(0, 256, (knots, knots, 3), dtype=np.uint8)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)


def random_colour(draw: np.random.Generator, low: int = 0, high: int = 256) -> tuple[int, int, int]:
    """Return a colour whose levels are at least `low` and below `high`."""
    red, green, blue = (int(level) for level in draw.integers(low, high, 3))
    return red, green, blue


def contrasting_colour(behind: np.ndarray, draw: np.random.Generator, contrast: int = 120) -> tuple[int, int, int]:
    """Return a random colour whose summed channel differences from `behind` (3,) are at least `contrast`."""
    while True:
        colour = random_colour(draw)
        if np.abs(behind - colour).sum() >= contrast:
            return colour


def shrink(canvas: np.ndarray) -> np.ndarray:
    """Average blocks of `OVERSAMPLING`² pixels; (h, w, c) to uint8 (h / 2, w / 2, c)."""
    height, width, channels = canvas.shape
    n = OVERSAMPLING
    cells = canvas.astype(np.uint16).reshape(height // n, n, width // n, n, channels)
    means: np.ndarray = cells.sum(axis=(1, 3), dtype=np.uint16) // n**2
    return means.astype(np.uint8)


def add_noise(image: np.ndarray, levels: int, draw: np.random.Generator) -> np.ndarray:
    """Return `image` with triangular noise of at most `levels` grey levels either way; uint8 of the same shape."""
    noise = draw.integers(0, levels + 1, (2, *image.shape), dtype=np.int16)
    noisy: np.ndarray = np.clip(image + (noise[0] - noise[1]), 0, 255)
    return noisy.astype(np.uint8)
