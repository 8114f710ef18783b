"""Finding the files of a tar archive, decompressed beforehand where it is compressed."""

import bz2
import gzip
import lzma
import os
import posixpath
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

from darkroom.archives.member import Member
from darkroom.archives.names import encoding_of_names, is_litter, tidy
from darkroom.common.errors import UserError

# Of each compression: how its files begin, and what opens them.
COMPRESSIONS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}


def index_tar(archive: Path, scratch: Path, encoding: str | None = None) -> list[Member]:
    """The files in `archive`, in its order; their bytes lie in `scratch` where it is compressed.

    A link to a file or folder of the archive stands for what it leads to.

    Args:
        encoding: of names that are not UTF-8; None: found out.

    Raises:
        UserError: it is no tar or cut short, or holds a name or a link that leads out of it or to nothing.
        Exception: the errors of tarfile, gzip, bz2 and lzma where it is damaged.
    """
    data = _decompressed(archive, scratch)
    try:
        tar = tarfile.open(data, "r:", encoding="utf-8")  # noqa: SIM115 - entered below, where its errors mean else
    except tarfile.ReadError:
        raise UserError(
            f"{archive}: is no zip and no tar (plain, gz, bz2 or xz), or is cut short; fetch it again"
        ) from None
    with tar:
        read = _reader_of_names(archive, tar, encoding)
        members: list[Member] = []
        links: dict[str, str] = {}
        for info in tar:
            name = tidy(archive, read(info.name))
            if info.issym():
                links[name] = tidy(
                    archive, posixpath.normpath(posixpath.join(posixpath.dirname(name), read(info.linkname)))
                )
            elif info.islnk():
                links[name] = tidy(archive, read(info.linkname))
            elif info.isfile():
                members.append(Member(str(archive), name, str(data), info.offset_data, info.size))
    # tarfile takes the end of a file that was cut between two members for the archive's own end.
    with data.open("rb") as file:
        file.seek(-min(1024, data.stat().st_size), os.SEEK_END)
        if file.read().strip(b"\0"):
            raise UserError(f"{archive}: is cut short; fetch it again")
    return members + _resolved(archive, members, links)


def is_tar(archive: Path) -> bool:
    """Whether it starts as a tar does, or as a file that is compressed as tars are."""
    with archive.open("rb") as file:
        start = file.read(tarfile.BLOCKSIZE)
    if start.startswith(tuple(COMPRESSIONS)):
        return True
    try:
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")  # which compares the header's sum
    except tarfile.HeaderError:
        return False
    return True


def _reader_of_names(archive: Path, tar: tarfile.TarFile, encoding: str | None) -> Callable[[str], str]:
    """What gives a name as it is meant: tarfile takes all for UTF-8 and marks bytes that are none."""
    unread = [
        name.encode("utf-8", "surrogateescape")
        for info in tar
        for name in (info.name, info.linkname)
        if not name.isascii() and any("\udc80" <= letter <= "\udcff" for letter in name)
    ]
    if not unread:
        return str
    meant = encoding_of_names(archive, unread, encoding)

    def read(name: str) -> str:
        written = name.encode("utf-8", "surrogateescape")
        return written.decode(meant) if written in known else name

    known = set(unread)
    return read


def _resolved(archive: Path, members: list[Member], links: dict[str, str]) -> list[Member]:
    """The files that links lead to, under the links' names; a link to a folder gives all files in it."""
    by_name = {member.name: member for member in members}
    found: dict[str, Member] = {}
    to_folders: dict[str, str] = {}
    for name in links:
        target, seen = links[name], {name}
        while (step := _followed(target, links)) is not None:
            if step in seen or len(seen) > len(links):
                raise UserError(f"{archive}: {name}: is a link that leads back to itself; remove it")
            seen.add(step)
            target = step
        if target in by_name:
            found[name] = by_name[target]._replace(name=name)
        else:
            to_folders[name] = target
    named = by_name | found
    for name, target in to_folders.items():
        inside = [member for member in named.values() if member.name.startswith(f"{target}/")]
        if not inside and not is_litter(name):
            raise UserError(
                f"{archive}: {name}: is a link to {target}, which is not in the archive; pack the file itself"
            )
        found |= {
            linked.name: linked
            for linked in (member._replace(name=name + member.name.removeprefix(target)) for member in inside)
        }
    return list(found.values())


def _followed(target: str, links: dict[str, str]) -> str | None:
    """Where a target leads whose path begins with a link, None where it does not."""
    parts = target.split("/")
    for count in range(len(parts), 0, -1):
        start = "/".join(parts[:count])
        if start in links:
            return "/".join([links[start], *parts[count:]])
    return None


def _decompressed(archive: Path, scratch: Path) -> Path:
    with archive.open("rb") as file:
        start = file.read(6)
    for magic, open_compressed in COMPRESSIONS.items():
        if start.startswith(magic):
            data = scratch / f"{archive.name}.tar"
            try:
                with open_compressed(archive) as packed, data.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked, length=1 << 20)
            except OSError as error:
                if error.errno is not None:  # as of a full disk
                    raise
                raise tarfile.ReadError(str(error)) from None  # bz2 has no error of its own for damage
            return data
    return archive
