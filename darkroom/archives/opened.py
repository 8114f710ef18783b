"""All files of a task's archives, or of a folder, by name."""

import gc
import gzip
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from darkroom.archives.member import Member
from darkroom.archives.names import is_litter
from darkroom.archives.tar_index import index_tar
from darkroom.archives.zip_index import index_zip
from darkroom.common.errors import UserError

DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile)


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
        if not is_litter(name)
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
        members = index_zip(archive) if zipfile.is_zipfile(archive) else index_tar(archive, scratch)
    except DAMAGED as error:
        raise UserError(f"{archive}: is damaged or cut short ({error}); fetch it again") from None
    members = [member for member in members if not is_litter(member.name)]
    if not members:
        raise UserError(f"{archive}: holds no files; give another archive")
    return members
