"""Packed arrays from MNIST's IDX files."""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePosixPath

import numpy as np

from darkroom.archives.index import list_files, open_archives
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.datasets.packed import CHANNELS, describe, write_images, write_labels
from darkroom.datasets.parameters import SplitParameters
from darkroom.datasets.splits import hold_out

DIGITS = [str(digit) for digit in range(10)]
UNSIGNED_BYTE = 8  # the IDX format's code for uint8, the only type read here
GZIP = b"\x1f\x8b"  # the first bytes of a gzip file


def prepare_mnist(parameters: SplitParameters, key: str, raw: Path, folder: Path) -> None:
    """Write the splits train, validation and test to `folder`, and the images per digit to its `report.json`.

    The four files are in `raw` as they are published, or in one archive, compressed or not. Grey images get three equal
    channels, so that every model takes them.

    Args:
        parameters: how to split.
        key: the task's key in params.yaml, for messages.
        raw: the folder of the files.
        folder: where the data set is written.

    Raises:
        UserError: a file is missing or not in the IDX format, or the split is impossible.
    """
    with _open_files(raw, parameters.encoding) as files:
        train, test = (_read_split(raw, files, name) for name in ("train", "t10k"))
    kept, chosen = hold_out(train[1], parameters.validation, parameters.seed, "validation", f"{key}.validation", DIGITS)
    splits = {"train": (train, kept), "validation": (train, chosen), "test": (test, np.arange(len(test[1])))}
    with replacing(folder) as temporary:
        for split, ((images, labels), rows) in splits.items():
            grey = images[rows]
            write_images(temporary, split, np.repeat(grey[..., None], CHANNELS, axis=-1))
            write_labels(temporary, split, labels[rows])
        describe(temporary, DIGITS)


@contextmanager
def _open_files(raw: Path, encoding: str | None) -> Iterator[dict[str, Member]]:
    """Yield the files by their published names, without folders and `.gz`."""
    are_published = any(_published_name(path.name).endswith("-ubyte") for path in raw.iterdir())
    with nullcontext(list_files(raw)) if are_published else open_archives(raw, encoding) as files:
        by_name: dict[str, Member] = {}
        for name, file in files.items():
            other = by_name.setdefault(_published_name(name), file)
            # A widespread zip holds the same files twice, which does no harm.
            if other is not file and _decompress(other) != _decompress(file):
                raise UserError(f"{file}: differs from {other.name}; keep one")
        yield by_name


def _published_name(path: str) -> str:
    """Return the file's name without `.gz`, and with `-idx3-` for the `.idx3-` that some programs write."""
    return PurePosixPath(path).name.lower().removesuffix(".gz").replace(".idx", "-idx")


def _read_split(raw: Path, files: dict[str, Member], split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 (n, h, w), and labels, uint8 (n,)."""
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
        problem = f"label {labels.max()}" if not missing else f"no image of {min(missing)}"
        raise UserError(f"{raw}: {split} has {problem}; give the digits 0 to 9")
    return images, labels


def read_idx(file: Member, dimensions: int) -> np.ndarray:
    """Return the array of an IDX file (http://yann.lecun.com/exdb/mnist), gzipped or not.

    Args:
        file: of type uint8.
        dimensions: of the array.

    Raises:
        UserError: it is no such file.
    """
    content = _decompress(file)
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes([0, 0, UNSIGNED_BYTE, dimensions]):
        raise UserError(f"{file}: is no IDX file of bytes with {dimensions} dimensions; fetch it again")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(shape) or not all(shape):
        raise UserError(f"{file}: has {len(content) - start} bytes, not {math.prod(shape)}; fetch it again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _decompress(file: Member) -> bytes:
    content = file.read()
    try:
        return gzip.decompress(content) if content.startswith(GZIP) else content
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{file}: is damaged or cut short ({error}); fetch it again") from None
