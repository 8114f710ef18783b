"""MNIST: 70,000 handwritten digits of 28×28 pixels.

LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998. The sample has 3,500 digits drawn with
shaken strokes.
"""

import struct

import cv2
import numpy as np

from darkroom.sources.dataset import Dataset, PublishedFile
from darkroom.sources.sample.containers import gz
from darkroom.sources.sample.silhouettes import SUBPIXEL_BITS, place, unit_vectors

# Both hold copies of the publisher's files.
MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist")
MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
SIDE, CANVAS_SIDE = 28, 112  # pixels: of an image, and of the canvas that is averaged down to it
TRAIN_IMAGES, TEST_IMAGES = 3000, 500
UNSIGNED_BYTE = 8  # the IDX format's code for the type uint8
SHAKE = 0.09  # how far each point of a stroke moves at most, in the units of STROKES


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> np.ndarray:
    """Return points on an ellipse, clockwise on the screen; float64 (9, 2).

    Args:
        x: horizontal position of the centre.
        y: vertical position of the centre.
        rx: horizontal radius.
        ry: vertical radius.
        start: where the arc starts, in quarters: 0 is the right, 1 the bottom, 2 the left, 3 the top.
        end: where it ends, in quarters.
    """
    quarters = np.linspace(start, end, 9)
    t = (quarters % 4 + 1) % 4 - 1  # in [-1, 3)
    half = unit_vectors(np.where(t <= 1, t, t - 2))
    return np.where((t <= 1)[:, None], half, -half) * (rx, ry) + (x, y)


def _line(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, dtype=float)


# The strokes of the digits 0 to 9: x to the right, y downwards, within [-1, 1].
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


def draw_sample() -> dict[str, bytes]:
    """Draw the four files: images and labels, for training and test."""
    files = {}
    for number, (split, count) in enumerate((("train", TRAIN_IMAGES), ("t10k", TEST_IMAGES))):
        labels = np.random.default_rng([number, count]).permutation(np.arange(count) % 10).astype(np.uint8)
        images = np.stack([draw_digit(int(n), np.random.default_rng([number, i])) for i, n in enumerate(labels)])
        files[f"{split}-images-idx3-ubyte.gz"] = gz(idx(images))
        files[f"{split}-labels-idx1-ubyte.gz"] = gz(idx(labels))
    return files


def idx(array: np.ndarray) -> bytes:
    """Return a uint8 array of any shape in the IDX format (http://yann.lecun.com/exdb/mnist).

    It is two zero bytes, the type, the number of dimensions, the size of each dimension as 4 bytes in big-endian order,
    then the values.
    """
    return struct.pack(f">HBB{array.ndim}I", 0, UNSIGNED_BYTE, array.ndim, *array.shape) + array.tobytes()


def draw_digit(value: int, draw: np.random.Generator) -> np.ndarray:
    """Draw one digit, white on black; uint8 (28, 28)."""
    canvas = np.zeros((CANVAS_SIDE, CANVAS_SIDE), np.uint8)
    scale, turn = CANVAS_SIDE * (0.26 + 0.1 * draw.random()), unit_vectors((draw.random() - 0.5) * 0.35)
    centre = CANVAS_SIDE / 2 + (draw.random(2) - 0.5) * 14
    width = 0.7 + 0.5 * draw.random()
    thickness = 6 + int(draw.integers(9))
    for stroke in STROKES[value]:
        shaken = (stroke + (draw.random(stroke.shape) - 0.5) * 2 * SHAKE) * (width, 1)
        points = np.rint(place(shaken, centre, scale, turn, mirrored=False) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.polylines(canvas, [points], False, 255, thickness, cv2.LINE_8, SUBPIXEL_BITS)
    ratio = CANVAS_SIDE // SIDE
    cells = canvas.reshape(SIDE, ratio, SIDE, ratio).astype(np.uint16)
    means: np.ndarray = cells.sum((1, 3), dtype=np.uint16) // ratio**2
    return means.astype(np.uint8)


DATASET = Dataset(
    files=tuple(PublishedFile(tuple(f"{mirror}/{name}" for mirror in MIRRORS), md5) for name, md5 in MD5.items()),
    draw_sample=draw_sample,
)
