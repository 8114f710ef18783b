"""Archives whose bytes depend on nothing but their content: no times, no owners, no compressor's version."""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable

from PIL import Image

STORED_BLOCK = 0xFFFF  # bytes at most, RFC 1951 section 3.2.4
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
UNIX = 3


def tar_gz(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A tar archive of `(name, content)` in gzip's format, as `gz` makes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gz(buffer.getvalue())


def gz(data: bytes) -> bytes:
    """`data` in gzip's format (RFC 1952), stored and not compressed.

    Compressed bytes differ between zlib, zlib-ng and their versions; stored ones do not.
    """
    packed = [b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"]
    for start in range(0, len(data), STORED_BLOCK):
        block = data[start : start + STORED_BLOCK]
        is_last = start + STORED_BLOCK >= len(data)
        packed += [struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF), block]
    packed.append(struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF))
    return b"".join(packed)


def zip_stored(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A zip archive of `(name, content)`, stored and not compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name, ZIP_EPOCH)
            info.create_system = UNIX
            archive.writestr(info, content)
    return buffer.getvalue()


def jpeg(image: Image.Image, quality: int) -> bytes:
    """A baseline JPEG file. libjpeg-turbo's default transform gives the same bytes on every processor."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
