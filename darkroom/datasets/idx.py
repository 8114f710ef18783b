"""MNIST's IDX files to packed arrays."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.datasets.packed import create_images, describe, write_labels
from darkroom.datasets.parameters import SplitParameters
from darkroom.datasets.splits import held_out

DIGITS = [str(digit) for digit in range(10)]
UNSIGNED_BYTE = 8  # the one type of numbers that is read here


def prepare_mnist(parameters: SplitParameters, key: str, raw: Path, folder: Path, report: Path) -> None:
    """Write the splits train, validation and test to `folder` and the images of each digit to `report`.

    Grey images get three equal channels, so that all models take them.

    Args:
        key: the task's key in params.yaml, for messages.

    Raises:
        UserError: the four files are not there or not of the IDX format, or the split asked for cannot be made.
    """
    train, test = (_split(raw, name) for name in ("train", "t10k"))
    kept, chosen = held_out(train[1], parameters.validation, parameters.seed, "validation", f"{key}.validation")
    splits = {"train": (train, kept), "validation": (train, chosen), "test": (test, slice(None))}
    with replacing(folder) as temporary:
        for split, ((images, labels), rows) in splits.items():
            grey = images[rows]
            create_images(temporary, split, *grey.shape)[:] = grey[..., None]
            write_labels(temporary, split, labels[rows])
        describe(temporary, DIGITS, report)


def _split(raw: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (n, h, w) and labels uint8 (n,), of as many."""
    images = read_idx(raw / f"{name}-images-idx3-ubyte.gz", 3)
    labels = read_idx(raw / f"{name}-labels-idx1-ubyte.gz", 1)
    if len(images) != len(labels):
        raise UserError(f"{raw}: {name} has {len(images)} images and {len(labels)} labels; fetch them again")
    missing = set(range(len(DIGITS))) - set(labels.tolist())
    if missing or labels.max() >= len(DIGITS):
        wrong = f"label {labels.max()}" if not missing else f"no image of {min(missing)}"
        raise UserError(f"{raw}: {name} has {wrong}; give the digits 0 to 9")
    return images, labels


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """A gzipped IDX file (http://yann.lecun.com/exdb/mnist) of bytes; uint8, of that many dimensions.

    Raises:
        UserError: there is none, or it is another one.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file; give the four files of MNIST")
    try:
        content = gzip.decompress(path.read_bytes())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: is damaged or cut short ({error}); fetch it again") from None
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes([0, 0, UNSIGNED_BYTE, dimensions]):
        raise UserError(f"{path}: is no IDX file of bytes with {dimensions} dimensions; fetch it again")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(shape) or not all(shape):
        raise UserError(f"{path}: has {len(content) - start} bytes, not {math.prod(shape)}; fetch it again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
