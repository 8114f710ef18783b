"""Finding the files of a zip archive in its central directory, three times as fast as `zipfile`.

That makes an object with dates and attributes of every file, which for Tiny ImageNet's 110,000 takes a tenth of
the time of preparing it. After PKWARE's APPNOTE.TXT, version 6.3.10; the numbers below are its sections.
"""

import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from darkroom.archives.member import Member
from darkroom.archives.names import encoding_of_names, tidy
from darkroom.common.errors import UserError

ENTRY = struct.Struct("<4s4x2H4x3L3H4x2L")  # of the central directory, 4.3.12
END = struct.Struct("<4s8x2L2x")  # of the central directory, 4.3.16
END_64 = struct.Struct("<4s36x2Q")  # before END where it has no room for a number, 4.3.14
LOCATOR_64 = struct.Struct("<4s16x")  # between the two, 4.3.15
ENTRY_MAGIC, END_MAGIC, END_64_MAGIC, LOCATOR_64_MAGIC = b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7"
LONGEST_COMMENT = 0xFFFF  # bytes, after END
ELSEWHERE = 0xFFFFFFFF  # instead of a number that stands in the extra field
EXTRA_HEADER = struct.Struct("<2H")  # id and bytes of a part of the extra field, 4.5.1
EXTRA_64 = 1  # the id of the part with those numbers, 4.5.3
ENCRYPTED, UTF_8 = 1 << 0, 1 << 11  # bits of an entry's flags, 4.4.4
FILE_TYPE, LINK = 0o170000, 0o120000  # in the upper half of an entry's attributes, where Unix keeps them, 4.4.15
UNICODE_PATH = 0x7075  # the id of the part of the extra field with the name in UTF-8, 4.6.9
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def index_zip(archive: Path, encoding: str | None = None) -> list[Member]:
    """The files in `archive`, in the order of its directory.

    Names are UTF-8 where a flag or the Unicode path field says so, or where all others read as it; else in the encoding
    of Windows that they read as.

    Args:
        encoding: of the names that nothing says it of; None: found out.

    Raises:
        UserError: a name leads out of the archive, or may be in several encodings, or a file is a link, encrypted or
            packed otherwise than by Deflate.
        zipfile.BadZipFile: the directory is damaged.
    """
    try:
        with archive.open("rb") as file:
            members = _members(archive, *_directory(file))
    except (struct.error, UnicodeDecodeError):
        raise zipfile.BadZipFile("its directory does not read") from None
    unread = [member.name for member in members if isinstance(member.name, bytes)]
    if unread:
        encoding = encoding_of_names(archive, unread, encoding)
        members = [
            member._replace(name=tidy(archive, member.name.decode(encoding)))
            if isinstance(member.name, bytes)
            else member
            for member in members
        ]
    return members


def _directory(file: BinaryIO) -> tuple[bytes, int, int]:
    """The central directory, where it starts, and the bytes before the archive, as of a program that unpacks it."""
    tail_start = max(0, file.seek(0, os.SEEK_END) - END.size - LONGEST_COMMENT)
    file.seek(tail_start)
    tail = file.read()
    at = tail.rfind(END_MAGIC)
    if at < 0:
        raise zipfile.BadZipFile("its end is missing")
    end, (_, size, offset) = tail_start + at, END.unpack_from(tail, at)
    before = end - LOCATOR_64.size - END_64.size
    if before >= 0:
        file.seek(before)
        magic, size_64, offset_64 = END_64.unpack(file.read(END_64.size))
        if magic == END_64_MAGIC and file.read(len(LOCATOR_64_MAGIC)) == LOCATOR_64_MAGIC:
            end, size, offset = before, size_64, offset_64
    start = end - size
    if start < offset:
        raise zipfile.BadZipFile("its directory is missing")
    file.seek(start)
    return file.read(size), start, start - offset


def _members(archive: Path, directory: bytes, start: int, shift: int) -> list[Member]:
    members, path, at = [], str(archive), 0
    while at < len(directory):
        magic, flags, method, crc, size, full_size, *lengths, attributes, place = ENTRY.unpack_from(directory, at)
        if magic != ENTRY_MAGIC:
            raise zipfile.BadZipFile("its directory is damaged")
        name_start = at + ENTRY.size
        extra_start = name_start + lengths[0]
        comment_start = extra_start + lengths[1]
        at = comment_start + lengths[2]
        encoded = directory[name_start:extra_start]
        if flags & UTF_8 or encoded.isascii():
            name = tidy(archive, encoded.decode())
        else:
            name = _unicode_path(directory[extra_start:comment_start], encoded)
            name = encoded if name is None else tidy(archive, name)
        if encoded.endswith(b"/") or (isinstance(name, str) and name.endswith("/")):
            continue
        if attributes >> 16 & FILE_TYPE == LINK:
            raise UserError(f"{archive}: {name}: is a link; zip the file itself in its place")
        if method not in METHODS or flags & ENCRYPTED:
            raise UserError(f"{archive}: {name}: is encrypted or packed in a way not read here; zip it anew")
        if ELSEWHERE in (full_size, size, place):
            size, place = _from_extra(directory[extra_start:comment_start], full_size, size, place)
        place += shift
        if place + size > start:
            raise zipfile.BadZipFile(f"{name} is missing")
        members.append(Member(path, name, path, place, size, method, crc))
    return members


def _unicode_path(extra: bytes, encoded: bytes) -> str | None:
    """The name that the Unicode path field has for what the entry calls `encoded`; None where there is none."""
    at = 0
    while at + EXTRA_HEADER.size <= len(extra):
        part, length = EXTRA_HEADER.unpack_from(extra, at)
        content = extra[at + EXTRA_HEADER.size : at + EXTRA_HEADER.size + length]
        if part == UNICODE_PATH and content[:1] == b"\1" and content[1:5] == zlib.crc32(encoded).to_bytes(4, "little"):
            return content[5:].decode()
        at += EXTRA_HEADER.size + length
    return None


def _from_extra(extra: bytes, *numbers: int) -> tuple[int, int]:
    """Size and place out of a file's (full size, size, place), those that are elsewhere taken from `extra`, in turn."""
    at, missing = 0, numbers.count(ELSEWHERE)
    while at < len(extra):
        part, length = EXTRA_HEADER.unpack_from(extra, at)
        at += EXTRA_HEADER.size
        if part == EXTRA_64:
            given = iter(struct.unpack_from(f"<{missing}Q", extra, at))
            _, size, place = (next(given) if number == ELSEWHERE else number for number in numbers)
            return size, place
        at += length
    raise zipfile.BadZipFile("its directory lacks a large file's place")
