"""The files of archives, or of a folder, by name."""

import gc
import gzip
import lzma
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from darkroom.archives.member import Member
from darkroom.archives.names import is_litter
from darkroom.archives.tar_index import index_tar, is_tar
from darkroom.archives.unpacked_index import unpacking_index
from darkroom.archives.zip_index import index_zip
from darkroom.common.errors import UserError
from darkroom.common.files import in_order

DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile)


@contextmanager
def open_archives(folder: Path, encoding: str | None = None) -> Iterator[dict[str, Member]]:
    """Index all archives in `folder`, as `index_archives`."""
    with index_archives(in_order(folder.iterdir()), folder.parent, encoding) as members:
        yield members


@contextmanager
def index_archives(
    archives: list[Path], scratch_in: Path | None = None, encoding: str | None = None
) -> Iterator[dict[str, Member]]:
    """Index the files of all `archives`, in the archives' order.

    A compressed tar is decompressed to a temporary file, and a 7z or rar is unpacked to temporary files. They are
    deleted at the end of the block.

    Args:
        archives: zip and tar archives, and 7z and rar where the libraries for them are installed.
        scratch_in: the folder for temporary files. None: the system's.
        encoding: of names whose encoding the archive does not state. None: detect it.

    Yields:
        The files by name.

    Raises:
        UserError: an archive has an unknown format, is damaged or empty, holds a name or a link that leads out of it,
            or the same name twice.
    """
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=scratch_in) as scratch:
        members: dict[str, Member] = {}
        with _no_garbage_collection():
            for archive in archives:
                for member in _index(archive, Path(scratch), encoding):
                    if member.name in members:
                        raise UserError(f"{member}: is in the archive twice; keep one")
                    members[member.name] = member
            yield members


def list_files(folder: Path) -> dict[str, Member]:
    """Index the files in `folder` and its subfolders like those of an archive, sorted by path.

    Raises:
        UserError: there are none.
    """
    members: dict[str, Member] = {}
    for path in in_order(path for path in folder.rglob("*") if path.is_file()):
        name = unicodedata.normalize("NFC", path.relative_to(folder).as_posix())
        if is_litter(name):
            continue
        member = Member(folder.as_posix(), name, str(path), 0, path.stat().st_size)
        if members.setdefault(name, member) is not member:
            raise UserError(f"{member}: is there twice, its name in two Unicode forms; keep one")
    if not members:
        raise UserError(f"{folder}: holds no files; give a folder of images and annotations")
    return members


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Switch garbage collection off: with 100,000 new objects, none of them garbage, it takes a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _index(archive: Path, scratch: Path, encoding: str | None) -> list[Member]:
    if archive.stat().st_size == 0:
        raise UserError(f"{archive}: is empty; fetch it again")
    try:
        if unpack := unpacking_index(archive):
            members = unpack(archive, scratch)
        else:
            members = index_zip(archive, encoding) if _is_zip(archive) else index_tar(archive, scratch, encoding)
    except DAMAGED as error:
        raise UserError(f"{archive}: is damaged or cut short ({error}); fetch it again") from None
    members = [member for member in members if not is_litter(member.name)]
    if not members:
        raise UserError(f"{archive}: holds no files; give another archive")
    return members


def _is_zip(archive: Path) -> bool:
    """Return whether `archive` is a zip. Self-extracting ones are; a tar whose last file is a zip is not."""
    return not is_tar(archive) and zipfile.is_zipfile(archive)
