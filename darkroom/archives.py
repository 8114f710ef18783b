"""Reading files straight out of zip and tar archives, without unpacking them to disk.

An index maps each file's name to where its bytes lie, so that any worker process can read any file
with one `pread`: zip members as they are, tar members after the tar's own compression was undone.
"""

import bz2
import gc
import gzip
import lzma
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from darkroom.common.errors import UserError

# Of each compression: how its files begin, and what opens them.
COMPRESSIONS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
ZIP_LOCAL_HEADER = 30  # bytes before the name; APPNOTE.TXT section 4.3.7
ZIP_LIKELY_EXTRA = 64  # bytes of extra fields between name and content
ENCRYPTED = 0x1  # bit of a zip member's flags


class Member(NamedTuple):
    """One file in an archive: small, picklable, and readable from any process on this machine."""

    archive: str  # the archive's path, for messages
    name: str
    data: str  # the file that holds the bytes: the archive, or its decompressed copy
    offset: int  # in bytes, of a zip member's local header or of a tar member's content
    size: int  # in bytes, as stored
    method: int | None = None  # of a zip member, `zipfile.ZIP_STORED` or `ZIP_DEFLATED`
    crc: int = 0

    def __str__(self) -> str:
        return f"{self.archive}: {self.name}"

    def read(self) -> bytes:
        """The file's content.

        Raises:
            UserError: the bytes are not those that the archive promises.
        """
        if self.method is None:
            return self._exactly(self._pread(self.size, 0))
        most = ZIP_LOCAL_HEADER + len(self.name.encode()) + ZIP_LIKELY_EXTRA + self.size
        stored = self._pread(most, 0)
        start = ZIP_LOCAL_HEADER + int.from_bytes(stored[26:28], "little") + int.from_bytes(stored[28:30], "little")
        content = stored[start : start + self.size]
        if len(content) < self.size:  # after more extra fields than are likely
            content = self._exactly(self._pread(self.size, start))
        if self.method == zipfile.ZIP_DEFLATED:
            try:
                content = zlib.decompress(content, -zlib.MAX_WBITS)
            except zlib.error:
                raise UserError(f"{self}: is damaged; fetch the archive again") from None
        if zlib.crc32(content) != self.crc:
            raise UserError(f"{self}: is damaged; fetch the archive again")
        return content

    def _pread(self, size: int, start: int) -> bytes:
        file = os.open(self.data, os.O_RDONLY)
        try:
            return os.pread(file, size, self.offset + start)
        finally:
            os.close(file)

    def _exactly(self, content: bytes) -> bytes:
        if len(content) != self.size:
            raise UserError(f"{self}: is cut short; fetch the archive again")
        return content


@contextmanager
def opened(folder: Path) -> Iterator[dict[str, Member]]:
    """All files of all archives in `folder`, by name, in the archives' order.

    A compressed tar is decompressed to a temporary file that lasts as long as the block.

    Raises:
        UserError: an archive is of no known format, damaged or empty, or holds a name or a link that
            leads out of it, or the same name twice.
    """
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=folder.parent) as scratch:
        members: dict[str, Member] = {}
        with _no_garbage_collection():
            for archive in sorted(folder.iterdir()):
                for member in _index(archive, Path(scratch)):
                    if member.name in members:
                        raise UserError(f"{member}: stands in the archive twice; keep one")
                    members[member.name] = member
            yield members


def files_in(folder: Path) -> dict[str, Member]:
    """All files in `folder` and below it, by their path in it, sorted; as if it were an archive.

    Raises:
        UserError: there are none.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in files}
    members = {
        name: Member(str(folder), name, str(path), 0, path.stat().st_size)
        for name, path in named.items()
        if not _is_litter(name)
    }
    if not members:
        raise UserError(f"{folder}: holds no files; give a folder of images and annotations")
    return members


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Going through 100,000 new objects again and again, all of them in use, takes a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _index(archive: Path, scratch: Path) -> list[Member]:
    if archive.stat().st_size == 0:
        raise UserError(f"{archive}: is empty; fetch it again")
    try:
        members = _index_zip(archive) if zipfile.is_zipfile(archive) else _index_tar(archive, scratch)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{archive}: is damaged or cut short ({error}); fetch it again") from None
    members = [member for member in members if not _is_litter(member.name)]
    if not members:
        raise UserError(f"{archive}: holds no files; give another archive")
    return members


def _index_zip(archive: Path) -> list[Member]:
    members, path = [], str(archive)
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            _check_name(archive, info.filename)
            if info.is_dir():
                continue
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & ENCRYPTED:
                raise UserError(
                    f"{archive}: {info.filename}: is encrypted or packed in a way not read here; zip it anew"
                )
            place = info.header_offset, info.compress_size, info.compress_type, info.CRC
            members.append(Member(path, info.filename, path, *place))
    return members


def _index_tar(archive: Path, scratch: Path) -> list[Member]:
    data = _decompressed(archive, scratch)
    members = []
    try:
        tar = tarfile.open(data, "r:")  # noqa: SIM115 - entered below, where its errors mean something else
    except tarfile.ReadError:
        raise UserError(
            f"{archive}: is no zip and no tar (plain, gz, bz2 or xz), or is cut short; fetch it again"
        ) from None
    with tar:
        for info in tar:
            _check_name(archive, info.name)
            if info.issym() or info.islnk():
                target = PurePosixPath(info.linkname)
                _check_name(archive, str(target if info.islnk() else PurePosixPath(info.name).parent / target))
            elif info.isfile():
                members.append(
                    Member(str(archive), info.name.removeprefix("./"), str(data), info.offset_data, info.size)
                )
    # tarfile takes the end of a file that was cut between two members for the archive's own end.
    with data.open("rb") as file:
        file.seek(-min(1024, data.stat().st_size), os.SEEK_END)
        if file.read().strip(b"\0"):
            raise UserError(f"{archive}: is cut short; fetch it again")
    return members


def _decompressed(archive: Path, scratch: Path) -> Path:
    with archive.open("rb") as file:
        start = file.read(6)
    for magic, open_compressed in COMPRESSIONS.items():
        if start.startswith(magic):
            data = scratch / f"{archive.name}.tar"
            with open_compressed(archive) as packed, data.open("wb") as unpacked:
                _copy(packed, unpacked)
            return data
    return archive


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    shutil.copyfileobj(source, target, length=1 << 20)


def _check_name(archive: Path, name: str) -> None:
    """Refuse a name or link target that leads out of the archive: nothing trustworthy holds one."""
    if not (name.startswith("/") or ".." in name or "\\" in name or ":" in name):  # as of nearly all
        return
    parts = name.replace("\\", "/").split("/")
    depth = 0 if parts[0] else -1  # an absolute path begins with nothing
    for part in parts:
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0 or part.endswith(":"):
            raise UserError(f"{archive}: {name}: leads out of the archive; do not use this archive")


def _is_litter(name: str) -> bool:
    """What macOS adds to archives and no data set means."""
    if not ("__MACOSX" in name or "._" in name or ".DS_Store" in name):  # as of nearly all
        return False
    *folders, file = name.split("/")
    return "__MACOSX" in folders or file.startswith("._") or file == ".DS_Store"
