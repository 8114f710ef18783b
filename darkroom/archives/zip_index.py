"""Finding the files of a zip archive."""

import struct
import zipfile
import zlib
from pathlib import Path

from darkroom.archives.member import Member
from darkroom.archives.names import detect_encoding, normalize_name
from darkroom.common.errors import UserError

# Numbers of PKWARE's APPNOTE.TXT, version 6.3.10; the comments name its sections.
ENCRYPTED, UTF_8 = 1 << 0, 1 << 11  # bits of an entry's flags, 4.4.4
FILE_TYPE, LINK = 0o170000, 0o120000  # in the upper half of an entry's attributes, where Unix keeps them, 4.4.15
EXTRA_HEADER = struct.Struct("<2H")  # id and size of a part of the extra field, 4.5.1
UNICODE_PATH = 0x7075  # id of the part of the extra field that holds the name in UTF-8, 4.6.9
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# What zipfile raises for a damaged directory besides BadZipFile.
DAMAGE = (struct.error, ValueError, NotImplementedError, OverflowError)


def index_zip(archive: Path, encoding: str | None = None) -> list[Member]:
    """Return the files in `archive`, in the order of its directory.

    A name is in UTF-8 if a flag or the Unicode path field says so, or if all other names are valid UTF-8. Otherwise its
    encoding is detected.

    Args:
        archive: a zip archive.
        encoding: of the names whose encoding the archive does not state. None: detect it.

    Raises:
        UserError: a name leads out of the archive or its encoding is uncertain, or a file is a link, encrypted or
            compressed by another method than Deflate.
        zipfile.BadZipFile: the directory is damaged.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            infos = [info for info in file.infolist() if not info.orig_filename.endswith("/")]
            directory_start = file.start_dir
        names = [_stated_name(info) for info in infos]
    except DAMAGE as error:
        raise zipfile.BadZipFile(f"its directory is damaged: {error}") from None
    unstated = [_raw_name(info) for info, name in zip(infos, names, strict=True) if name is None]
    detected = detect_encoding(archive, unstated, encoding) if unstated else ""
    path, members = archive.as_posix(), []
    for info, stated in zip(infos, names, strict=True):
        name = normalize_name(archive, _raw_name(info).decode(detected) if stated is None else stated)
        if name.endswith("/"):
            continue
        if info.external_attr >> 16 & FILE_TYPE == LINK:
            raise UserError(f"{archive}: {name}: is a link; zip the file itself in its place")
        if info.compress_type not in METHODS or info.flag_bits & ENCRYPTED:
            raise UserError(f"{archive}: {name}: is encrypted or compressed by an unknown method; zip it again")
        if info.header_offset < 0 or info.header_offset + info.compress_size > directory_start:
            raise zipfile.BadZipFile(f"{name} is missing")
        sizes = {"size": info.compress_size, "unpacked": info.file_size}
        members.append(Member(path, name, path, info.header_offset, method=info.compress_type, crc=info.CRC, **sizes))
    return members


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of a name that zipfile decoded as code page 437, which it does without the flag for UTF-8."""
    return info.orig_filename.encode("cp437")


def _stated_name(info: zipfile.ZipInfo) -> str | None:
    """Return the name of an entry; None if the archive does not state its encoding."""
    if info.flag_bits & UTF_8 or info.orig_filename.isascii():
        return info.orig_filename
    return _unicode_path(info.extra, _raw_name(info))


def _unicode_path(extra: bytes, raw_name: bytes) -> str | None:
    """Return the name in the Unicode path field; None if there is none or it belongs to an earlier name.

    zipfile reads this field only from Python 3.13 on.
    """
    at = 0
    while at + EXTRA_HEADER.size <= len(extra):
        part, length = EXTRA_HEADER.unpack_from(extra, at)
        content = extra[at + EXTRA_HEADER.size : at + EXTRA_HEADER.size + length]
        checksum = zlib.crc32(raw_name).to_bytes(4, "little")
        if part == UNICODE_PATH and content[:1] == b"\1" and content[1:5] == checksum:
            return content[5:].decode()
        at += EXTRA_HEADER.size + length
    return None
