"""Finding the files of 7z and rar archives, which are unpacked into a temporary folder first.

Their files are compressed together, so that none can be read alone. The libraries are optional.
"""

import shutil
from collections.abc import Callable, Iterable
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

from darkroom.archives.member import Member
from darkroom.archives.names import normalize_name
from darkroom.common.errors import UserError
from darkroom.common.progress import progress

Index = Callable[[Path, Path], list[Member]]


def unpacking_index(archive: Path) -> Index | None:
    """Return the function that unpacks `archive` and finds its files; None if it is neither 7z nor rar.

    The function takes the archive and the folder to unpack into. It raises a `UserError` if the archive is damaged,
    encrypted, too large for the disk, holds a link or a name that leads out of it, or if the library is not installed.
    """
    with archive.open("rb") as file:
        start = file.read(8)
    return next((index for magic, index in INDEXES.items() if start.startswith(magic)), None)


def _index_7z(archive: Path, scratch: Path) -> list[Member]:
    py7zr = _library("py7zr", archive)
    folder = scratch / f"{archive.name}.unpacked"
    try:
        with py7zr.SevenZipFile(archive) as packed:
            if packed.needs_password():
                raise _encrypted(archive)
            infos = [info for info in packed.list() if not info.is_directory]
            names = [normalize_name(archive, info.filename) for info in infos]
            _check_links(archive, (name for name, info in zip(names, infos, strict=True) if not info.is_file))
            _check_space(archive, scratch, sum(info.uncompressed for info in infos))
            packed.extractall(folder)
    except py7zr.PasswordRequired:
        raise _encrypted(archive) from None
    except Exception as error:
        raise _damaged(archive, error) from None
    return [
        Member(str(archive), name, str(folder / info.filename), 0, info.uncompressed)
        for name, info in zip(names, infos, strict=True)
    ]


def _index_rar(archive: Path, scratch: Path) -> list[Member]:
    rarfile = _library("rarfile", archive)
    folder = scratch / f"{archive.name}.unpacked"
    folder.mkdir()
    members = []
    try:
        with rarfile.RarFile(archive) as packed:
            infos = [info for info in packed.infolist() if not info.is_dir()]
            names = [normalize_name(archive, info.filename) for info in infos]
            if any(info.needs_password() for info in infos):
                raise _encrypted(archive)
            _check_links(archive, (name for name, info in zip(names, infos, strict=True) if not info.is_file()))
            _check_space(archive, scratch, sum(info.file_size for info in infos))
            with closing(progress(len(infos), f"unpacking {archive.name}", unit="file")) as bar:
                for number, (name, info) in enumerate(zip(names, infos, strict=True)):
                    path = folder / str(number)
                    with packed.open(info) as content, path.open("wb") as file:
                        shutil.copyfileobj(content, file)
                    members.append(Member(str(archive), name, str(path), 0, info.file_size))
                    bar.update(1)
    except rarfile.RarCannotExec:
        raise UserError(
            f"{archive}: rarfile unpacks by a program that is not here; install unrar, unar or 7z, or pack a zip"
        ) from None
    except Exception as error:
        raise _damaged(archive, error) from None
    return members


INDEXES: dict[bytes, Index] = {b"7z\xbc\xaf\x27\x1c": _index_7z, b"Rar!\x1a\x07": _index_rar}


def _library(name: str, archive: Path) -> Any:  # noqa: ANN401 - these libraries have no types
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise UserError(
            f"{archive}: to read this kind of archive, install a library: pip install {name}; or pack a zip or tar"
        ) from None


def _check_links(archive: Path, names: Iterable[str]) -> None:
    for name in names:
        raise UserError(f"{archive}: {name}: is a link; pack the file itself in its place")


def _check_space(archive: Path, scratch: Path, size: int) -> None:
    free = shutil.disk_usage(scratch).free
    if size > free:
        raise UserError(
            f"{archive}: unpacks to {size / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free; free some space, or do not "
            "use this archive"
        )


def _encrypted(archive: Path) -> UserError:
    return UserError(f"{archive}: is encrypted; pack it again without a password")


def _damaged(archive: Path, error: Exception) -> Exception:
    """Return the error to raise for what a library raised."""
    if isinstance(error, UserError) or (isinstance(error, OSError) and error.errno is not None):
        return error  # the latter is of the system, such as a full disk
    reason = " ".join(str(error).split()) or type(error).__name__
    return UserError(f"{archive}: is damaged or cut short ({reason}); fetch it again")
