"""Archives whose bytes depend on their content alone: no times, no owners, no version of a compressor."""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable

from PIL import Image

STORED_BLOCK = 0xFFFF  # most bytes in a stored block, RFC 1951 section 3.2.4
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can state
UNIX = 3  # the zip format's code for files made on Unix


def tar_gz(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a tar archive of `(name, content)` pairs in gzip's format, stored as by `gz`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gz(buffer.getvalue())


def gz(data: bytes) -> bytes:
    """Return `data` in gzip's format (RFC 1952), stored and not compressed.

    Compressed bytes differ between zlib, zlib-ng and their versions. Stored ones do not.
    """
    packed = [b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"]
    for start in range(0, len(data), STORED_BLOCK):
        block = data[start : start + STORED_BLOCK]
        is_last = start + STORED_BLOCK >= len(data)
        packed += [struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF), block]
    packed.append(struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF))
    return b"".join(packed)


def zip_stored(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a zip archive of `(name, content)` pairs, stored and not compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name, ZIP_EPOCH)
            info.create_system = UNIX
            archive.writestr(info, content)
    return buffer.getvalue()


def jpeg(image: Image.Image, quality: int) -> bytes:
    """Return `image` as a baseline JPEG file.

    libjpeg-turbo's default transform gives the same bytes on every processor.
    """
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
