"""The sample for MNIST: digits of a shaky hand, in the layout of the published IDX files."""

import struct

import cv2
import numpy as np

from darkroom.sources.sample.containers import gz
from darkroom.sources.sample.silhouettes import SUBPIXEL_BITS, placed, unit_vectors

SIDE, LARGE = 28, 112  # pixels, and of the canvas that is shrunk to them
TRAIN_IMAGES, TEST_IMAGES = 3000, 500
UNSIGNED_BYTE = 8  # of the IDX format
SHAKE = 0.09  # of a stroke's points, in the digit's own units


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> np.ndarray:
    """Points on an ellipse, clockwise on the screen: 0 is its right, 1 its lowest point, 2 its left, 3 its top."""
    quarters = np.linspace(start, end, 9)
    t = (quarters % 4 + 1) % 4 - 1  # in [-1, 3)
    half = unit_vectors(np.where(t <= 1, t, t - 2))
    return np.where((t <= 1)[:, None], half, -half) * (rx, ry) + (x, y)


def _line(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, dtype=float)


# Strokes of each digit, x to the right, y downwards, within [-1, 1].
STROKES = [
    [_arc(0, 0, 0.55, 0.9, -1, 3)],
    [_line((-0.35, -0.5), (0.1, -0.9), (0.1, 0.9))],
    [np.concatenate([_arc(0, -0.45, 0.5, 0.45, -2, 0.6), _line((-0.55, 0.9), (0.6, 0.9))])],
    [_arc(-0.05, -0.45, 0.5, 0.45, -1.8, 1), _arc(-0.05, 0.45, 0.55, 0.45, -1, 1.8)],
    [_line((0.25, 0.9), (0.25, -0.9), (-0.6, 0.35), (0.65, 0.35))],
    [np.concatenate([_line((0.5, -0.9), (-0.4, -0.9), (-0.45, -0.1)), _arc(-0.05, 0.35, 0.55, 0.5, -1.3, 1.7)])],
    [np.concatenate([_line((0.35, -0.9), (-0.3, -0.2)), _arc(0, 0.4, 0.5, 0.5, -2, 2)])],
    [_line((-0.55, -0.9), (0.55, -0.9), (-0.1, 0.9))],
    [_arc(0, -0.45, 0.42, 0.42, -1, 3), _arc(0, 0.45, 0.52, 0.45, -1, 3)],
    [_arc(0, -0.4, 0.48, 0.48, 0, 4), _line((0.48, -0.4), (0.35, 0.9))],
]


def mnist_files() -> dict[str, bytes]:
    """The four files by name: images and labels, for training and test.

    The IDX format (http://yann.lecun.com/exdb/mnist): two zero bytes, the type, the number of dimensions, each of
    them as 4 bytes, the highest first, then the numbers.
    """
    files = {}
    for first, (split, count) in enumerate((("train", TRAIN_IMAGES), ("t10k", TEST_IMAGES))):
        labels = np.random.default_rng([first, count]).permutation(np.arange(count) % 10).astype(np.uint8)
        images = np.stack([digit(int(n), np.random.default_rng([first, i])) for i, n in enumerate(labels)])
        files[f"{split}-images-idx3-ubyte.gz"] = gz(idx(images))
        files[f"{split}-labels-idx1-ubyte.gz"] = gz(idx(labels))
    return files


def idx(array: np.ndarray) -> bytes:
    """A uint8 array of any shape in the IDX format."""
    return struct.pack(f">HBB{array.ndim}I", 0, UNSIGNED_BYTE, array.ndim, *array.shape) + array.tobytes()


def digit(value: int, draw: np.random.Generator) -> np.ndarray:
    """A picture of one digit, white on black; uint8 (28, 28)."""
    canvas = np.zeros((LARGE, LARGE), np.uint8)
    scale, turn = LARGE * (0.26 + 0.1 * draw.random()), unit_vectors((draw.random() - 0.5) * 0.35)
    centre = LARGE / 2 + (draw.random(2) - 0.5) * 14
    narrow = 0.7 + 0.5 * draw.random()
    thickness = 6 + int(draw.integers(9))
    for stroke in STROKES[value]:
        shaken = (stroke + (draw.random(stroke.shape) - 0.5) * 2 * SHAKE) * (narrow, 1)
        points = np.rint(placed(shaken, centre, scale, turn, mirrored=False) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.polylines(canvas, [points], False, 255, thickness, cv2.LINE_8, SUBPIXEL_BITS)
    ratio = LARGE // SIDE
    cells = canvas.reshape(SIDE, ratio, SIDE, ratio).astype(np.uint16)
    return (cells.sum((1, 3), dtype=np.uint16) // ratio**2).astype(np.uint8)
