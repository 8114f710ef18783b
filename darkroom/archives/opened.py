"""All files of a task's archives, or of a folder, by name."""

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
from darkroom.archives.zip_index import index_zip
from darkroom.common.errors import UserError

DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile)


@contextmanager
def opened(folder: Path, encoding: str | None = None) -> Iterator[dict[str, Member]]:
    """As `opened_archives`, of all archives in `folder`."""
    with opened_archives(sorted(folder.iterdir()), folder.parent, encoding) as members:
        yield members


@contextmanager
def opened_archives(
    archives: list[Path], scratch_in: Path | None = None, encoding: str | None = None
) -> Iterator[dict[str, Member]]:
    """All files of all `archives`, by name, in the archives' order.

    A compressed tar is decompressed to a temporary file that lasts as long as the block.

    Args:
        scratch_in: the folder of temporary files; None: the system's.
        encoding: of names of which the archive does not say it; None: found out.

    Raises:
        UserError: an archive is of no known format, damaged or empty, or holds a name or a link that
            leads out of it, or the same name twice.
    """
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=scratch_in) as scratch:
        members: dict[str, Member] = {}
        with _no_garbage_collection():
            for archive in archives:
                for member in _index(archive, Path(scratch), encoding):
                    if member.name in members:
                        raise UserError(f"{member}: stands in the archive twice; keep one")
                    members[member.name] = member
            yield members


def files_in(folder: Path) -> dict[str, Member]:
    """All files in `folder` and below it, by their path in it, sorted; as if it were an archive.

    Raises:
        UserError: there are none.
    """
    members: dict[str, Member] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = unicodedata.normalize("NFC", path.relative_to(folder).as_posix())
        if is_litter(name):
            continue
        member = Member(str(folder), name, str(path), 0, path.stat().st_size)
        if members.setdefault(name, member) is not member:
            raise UserError(f"{member}: stands there twice, in two of Unicode's forms; keep one")
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


def _index(archive: Path, scratch: Path, encoding: str | None) -> list[Member]:
    if archive.stat().st_size == 0:
        raise UserError(f"{archive}: is empty; fetch it again")
    try:
        members = index_zip(archive, encoding) if _is_zip(archive) else index_tar(archive, scratch, encoding)
    except DAMAGED as error:
        raise UserError(f"{archive}: is damaged or cut short ({error}); fetch it again") from None
    members = [member for member in members if not is_litter(member.name)]
    if not members:
        raise UserError(f"{archive}: holds no files; give another archive")
    return members


def _is_zip(archive: Path) -> bool:
    """Whether it is a zip, a program's own among them; a tar whose last file is a zip ends as one, but is none."""
    return not is_tar(archive) and zipfile.is_zipfile(archive)
