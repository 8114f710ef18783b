"""MNIST's IDX files to packed arrays."""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePosixPath

import numpy as np

from darkroom.archives.member import Member
from darkroom.archives.opened import files_in, opened
from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.datasets.packed import create_images, describe, write_labels
from darkroom.datasets.parameters import SplitParameters
from darkroom.datasets.splits import held_out

DIGITS = [str(digit) for digit in range(10)]
UNSIGNED_BYTE = 8  # the one type of numbers that is read here
GZIP = b"\x1f\x8b"  # how its files begin
FILES_OF = ("train", "t10k")  # the two splits; of each, images and labels


def prepare_mnist(parameters: SplitParameters, key: str, raw: Path, folder: Path, report: Path) -> None:
    """Write the splits train, validation and test to `folder` and the images of each digit to `report`.

    The four files stand in `raw` as they are published, or in one archive, compressed or not. Grey images get three
    equal channels, so that all models take them.

    Args:
        key: the task's key in params.yaml, for messages.

    Raises:
        UserError: the four files are not there or not of the IDX format, or the split asked for cannot be made.
    """
    with _opened(raw, parameters.encoding) as files:
        train, test = (_split(raw, files, name) for name in FILES_OF)
    kept, chosen = held_out(train[1], parameters.validation, parameters.seed, "validation", f"{key}.validation", DIGITS)
    splits = {"train": (train, kept), "validation": (train, chosen), "test": (test, slice(None))}
    with replacing(folder) as temporary:
        for split, ((images, labels), rows) in splits.items():
            grey = images[rows]
            create_images(temporary, split, *grey.shape)[:] = grey[..., None]
            write_labels(temporary, split, labels[rows])
        describe(temporary, DIGITS, report)


@contextmanager
def _opened(raw: Path, encoding: str | None) -> Iterator[dict[str, Member]]:
    """The files by name, without folders and `.gz`."""
    published = any(_as_published(path.name).endswith("-ubyte") for path in raw.iterdir())
    with nullcontext(files_in(raw)) if published else opened(raw, encoding) as files:
        by_name: dict[str, Member] = {}
        for name, file in files.items():
            other = by_name.setdefault(_as_published(name), file)
            if other is not file and _unpacked(other) != _unpacked(file):  # the same twice is in a zip that many use
                raise UserError(f"{file}: is another file than {other.name}; keep one")
        yield by_name


def _as_published(path: str) -> str:
    """`train-images-idx3-ubyte` of `train-images.idx3-ubyte` too, as some unpack it, without folders and `.gz`."""
    return PurePosixPath(path).name.lower().removesuffix(".gz").replace(".idx", "-idx")


def _split(raw: Path, files: dict[str, Member], split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (n, h, w) and labels uint8 (n,), of as many."""
    arrays = []
    for dimensions, name in ((3, f"{split}-images-idx3-ubyte"), (1, f"{split}-labels-idx1-ubyte")):
        if name not in files:
            raise UserError(f"{raw}: holds no {name}.gz; give the four files of MNIST")
        arrays.append(read_idx(files[name], dimensions))
    images, labels = arrays
    if len(images) != len(labels):
        raise UserError(f"{raw}: {split} has {len(images)} images and {len(labels)} labels; fetch them again")
    missing = set(range(len(DIGITS))) - set(labels.tolist())
    if missing or labels.max() >= len(DIGITS):
        wrong = f"label {labels.max()}" if not missing else f"no image of {min(missing)}"
        raise UserError(f"{raw}: {split} has {wrong}; give the digits 0 to 9")
    return images, labels


def read_idx(file: Member, dimensions: int) -> np.ndarray:
    """An IDX file (http://yann.lecun.com/exdb/mnist) of bytes, gzipped or not; uint8, of that many dimensions.

    Raises:
        UserError: it is another one.
    """
    content = _unpacked(file)
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes([0, 0, UNSIGNED_BYTE, dimensions]):
        raise UserError(f"{file}: is no IDX file of bytes with {dimensions} dimensions; fetch it again")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(shape) or not all(shape):
        raise UserError(f"{file}: has {len(content) - start} bytes, not {math.prod(shape)}; fetch it again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _unpacked(file: Member) -> bytes:
    content = file.read()
    try:
        return gzip.decompress(content) if content.startswith(GZIP) else content
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{file}: is damaged or cut short ({error}); fetch it again") from None
