"""Silhouettes, and how they are placed in a picture.

Every machine draws the same pixels: the arithmetic here is exactly defined by IEEE 754 (no sines, no matrix products),
and OpenCV fills polygons in fixed point.
"""

import cv2
import numpy as np

Polygon = np.ndarray  # float64 (n, 2): x to the right, y downwards, within [-1, 1]

SUBPIXEL_BITS = 4  # coordinates for OpenCV are in sixteenths of a pixel


def unit_vectors(t: np.ndarray | float) -> np.ndarray:
    """Return points on the right half of the unit circle, from (0, -1) at `t` = -1 to (0, 1) at 1; float64 (…, 2)."""
    return np.stack([(1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)], axis=-1)


def ellipse(x: float, y: float, rx: float, ry: float) -> Polygon:
    """Return an ellipse around (x, y) with the radii `rx` and `ry`."""
    right = unit_vectors(np.linspace(-1, 1, 13))
    return np.concatenate([right, -right[1:-1]]) * (rx, ry) + (x, y)


def box(left: float, top: float, right: float, bottom: float) -> Polygon:
    """Return a rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def polygon(*points: tuple[float, float]) -> Polygon:
    """Return the polygon of these corners."""
    return np.array(points, dtype=float)


# fmt: off
STAR = polygon(
    (0, -1), (0.247, -0.34), (0.951, -0.309), (0.399, 0.13), (0.588, 0.809),
    (0, 0.42), (-0.588, 0.809), (-0.399, 0.13), (-0.951, -0.309), (-0.247, -0.34),
)
TREE = polygon(
    (-0.15, 1), (-0.15, 0.6), (-0.8, 0.6), (-0.35, 0.1), (-0.6, 0.1), (-0.2, -0.35), (-0.4, -0.35),
    (0, -1), (0.4, -0.35), (0.2, -0.35), (0.6, 0.1), (0.35, 0.1), (0.8, 0.6), (0.15, 0.6), (0.15, 1),
)
# fmt: on

# Each silhouette is drawn part by part: True fills the part, False erases it.
SILHOUETTES: dict[str, list[tuple[bool, Polygon]]] = {
    "arrow": [(True, polygon((-1, -0.3), (0.1, -0.3), (0.1, -0.8), (1, 0), (0.1, 0.8), (0.1, 0.3), (-1, 0.3)))],
    "bolt": [(True, polygon((0.3, -1), (-0.65, 0.2), (-0.05, 0.2), (-0.3, 1), (0.65, -0.3), (0.05, -0.3)))],
    "fish": [(True, ellipse(0.2, 0, 0.8, 0.5)), (True, polygon((-0.4, 0), (-1, -0.6), (-1, 0.6)))],
    "house": [
        (True, polygon((-0.75, 1), (-0.75, 0), (-1, 0), (0, -1), (1, 0), (0.75, 0), (0.75, 1))),
    ],
    "key": [
        (True, ellipse(-0.55, 0, 0.45, 0.45)),
        (False, ellipse(-0.55, 0, 0.2, 0.2)),
        (True, box(-0.15, -0.13, 1, 0.13)),
        (True, box(0.4, 0, 0.6, 0.5)),
        (True, box(0.8, 0, 1, 0.5)),
    ],
    "moon": [(True, ellipse(0, 0, 0.95, 0.95)), (False, ellipse(0.45, -0.1, 0.75, 0.75))],
    "mug": [
        (True, ellipse(0.55, 0, 0.45, 0.5)),
        (False, ellipse(0.55, 0, 0.22, 0.27)),
        (True, box(-0.9, -0.85, 0.5, 0.85)),
    ],
    "ring": [(True, ellipse(0, 0, 0.95, 0.95)), (False, ellipse(0, 0, 0.5, 0.5))],
    "star": [(True, STAR)],
    "tree": [(True, TREE)],
    "boat": [
        (True, polygon((-1, 0.35), (1, 0.35), (0.6, 0.9), (-0.6, 0.9))),
        (True, polygon((0, -1), (0.75, 0.2), (0, 0.2))),
        (True, box(-0.1, -1, 0.05, 0.4)),
    ],
    "cross": [(True, box(-0.3, -0.95, 0.3, 0.95)), (True, box(-0.95, -0.3, 0.95, 0.3))],
    "flag": [(True, box(-0.8, -1, -0.6, 1)), (True, polygon((-0.6, -0.95), (0.9, -0.5), (-0.6, -0.05)))],
    "frame": [(True, box(-0.9, -0.9, 0.9, 0.9)), (False, box(-0.5, -0.5, 0.5, 0.5))],
    "glasses": [
        (True, ellipse(-0.55, 0, 0.45, 0.45)),
        (True, ellipse(0.55, 0, 0.45, 0.45)),
        (False, ellipse(-0.55, 0, 0.25, 0.25)),
        (False, ellipse(0.55, 0, 0.25, 0.25)),
        (True, box(-0.2, -0.1, 0.2, 0.1)),
    ],
    "heart": [
        (True, ellipse(-0.45, -0.35, 0.5, 0.5)),
        (True, ellipse(0.45, -0.35, 0.5, 0.5)),
        (True, polygon((-0.9, -0.15), (0, -0.4), (0.9, -0.15), (0, 0.95))),
    ],
    "hourglass": [(True, polygon((-0.8, -1), (0.8, -1), (0.12, 0), (0.8, 1), (-0.8, 1), (-0.12, 0)))],
    "ladder": [
        (True, box(-0.55, -1, -0.35, 1)),
        (True, box(0.35, -1, 0.55, 1)),
        *((True, box(-0.4, y - 0.09, 0.4, y + 0.09)) for y in (-0.66, -0.22, 0.22, 0.66)),
    ],
    "mushroom": [
        (True, ellipse(0, -0.2, 0.95, 0.75)),
        (False, box(-1, -0.1, 1, 1)),
        (True, box(-0.28, -0.15, 0.28, 0.9)),
    ],
    "umbrella": [
        (True, ellipse(0, 0, 0.95, 0.95)),
        (False, box(-1, 0, 1, 1)),
        (True, box(-0.08, -0.1, 0.08, 0.9)),
        (True, box(-0.4, 0.74, 0.05, 0.9)),
    ],
}


def place(points: Polygon, centre: np.ndarray, scale: float, turn: np.ndarray, mirrored: bool) -> Polygon:
    """Return `points` mirrored, scaled (pixels per unit), turned by the unit vector `turn` and moved to `centre`."""
    x = points[:, 0] * (-scale if mirrored else scale)
    y = points[:, 1] * scale
    return np.stack([x * turn[0] - y * turn[1] + centre[0], x * turn[1] + y * turn[0] + centre[1]], axis=-1)


def fill(canvas: np.ndarray, points: Polygon, colour: int | tuple[int, ...]) -> None:
    """Fill a polygon (in pixels, pixel centres at whole numbers) on a uint8 canvas of shape (h, w[, 3])."""
    fixed = np.rint(points * (1 << SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], colour, cv2.LINE_8, SUBPIXEL_BITS)
