"""Finding the files of a tar archive. A compressed one is decompressed first."""

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
from darkroom.archives.names import detect_encoding, is_litter, normalize_name
from darkroom.common.errors import UserError

# The function that opens a compressed file, by the file's first bytes.
COMPRESSIONS: dict[bytes, Callable[[Path], gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}


def index_tar(archive: Path, scratch: Path, encoding: str | None = None) -> list[Member]:
    """Return the files in `archive`, in its order.

    A link to a file or folder of the archive is replaced by its target.

    Args:
        archive: a tar archive, compressed or not.
        scratch: the folder for the decompressed copy.
        encoding: of names that are not UTF-8. None: detect it.

    Raises:
        UserError: `archive` is no tar or cut short, or holds a name or a link that leads out of it or to nothing.
        Exception: an error of tarfile, gzip, bz2 or lzma: it is damaged.
    """
    data = _decompress(archive, scratch)
    try:
        tar = tarfile.open(data, "r:", encoding="utf-8")  # noqa: SIM115 - closed below; errors there mean damage
    except tarfile.ReadError:
        raise UserError(
            f"{archive}: is no zip and no tar (plain, gz, bz2 or xz), or is cut short; fetch it again"
        ) from None
    with tar:
        read_name = _name_reader(archive, tar, encoding)
        members: list[Member] = []
        links: dict[str, str] = {}
        for info in tar:
            name = normalize_name(archive, read_name(info.name))
            if info.issym():
                target = posixpath.join(posixpath.dirname(name), read_name(info.linkname))
                links[name] = normalize_name(archive, posixpath.normpath(target))
            elif info.islnk():
                links[name] = normalize_name(archive, read_name(info.linkname))
            elif info.isfile():
                members.append(Member(archive.as_posix(), name, str(data), info.offset_data, info.size))
    # tarfile does not notice that a file was cut between two members. A whole one ends in zeros.
    with data.open("rb") as file:
        file.seek(-min(1024, data.stat().st_size), os.SEEK_END)
        if file.read().strip(b"\0"):
            raise UserError(f"{archive}: is cut short; fetch it again")
    return members + _resolve_links(archive, members, links)


def is_tar(archive: Path) -> bool:
    """Return whether the file starts like a tar or like a file of one of the `COMPRESSIONS`."""
    with archive.open("rb") as file:
        start = file.read(tarfile.BLOCKSIZE)
    if start.startswith(tuple(COMPRESSIONS)):
        return True
    try:
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")  # it verifies the header's checksum
    except tarfile.HeaderError:
        return False
    return True


def _name_reader(archive: Path, tar: tarfile.TarFile, encoding: str | None) -> Callable[[str], str]:
    """Return a function that corrects the names that tarfile gives.

    tarfile decodes all names as UTF-8 and marks invalid bytes by surrogates.
    """
    invalid = [
        name.encode("utf-8", "surrogateescape")
        for info in tar
        for name in (info.name, info.linkname)
        if not name.isascii() and any("\udc80" <= letter <= "\udcff" for letter in name)
    ]
    if not invalid:
        return str
    detected, known = detect_encoding(archive, invalid, encoding), set(invalid)

    def read_name(name: str) -> str:
        raw = name.encode("utf-8", "surrogateescape")
        return raw.decode(detected) if raw in known else name

    return read_name


def _resolve_links(archive: Path, members: list[Member], links: dict[str, str]) -> list[Member]:
    """Return the targets of links under the links' names. A link to a folder gives all files in it."""
    by_name = {member.name: member for member in members}
    found: dict[str, Member] = {}
    to_folders: dict[str, str] = {}
    for name in links:
        target, seen = links[name], {name}
        while (step := _follow_link(target, links)) is not None:
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


def _follow_link(target: str, links: dict[str, str]) -> str | None:
    """Return `target` with the link that its path begins with replaced; None if it begins with none."""
    parts = target.split("/")
    for count in range(len(parts), 0, -1):
        start = "/".join(parts[:count])
        if start in links:
            return "/".join([links[start], *parts[count:]])
    return None


def _decompress(archive: Path, scratch: Path) -> Path:
    """Return the path of the decompressed archive: a copy in `scratch`, or the archive itself."""
    with archive.open("rb") as file:
        start = file.read(6)
    for magic, open_compressed in COMPRESSIONS.items():
        if start.startswith(magic):
            data = scratch / f"{archive.name}.tar"
            try:
                with open_compressed(archive) as packed, data.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked, length=1 << 20)
            except OSError as error:
                if error.errno is not None:  # an error of the system, such as a full disk
                    raise
                raise tarfile.ReadError(str(error)) from None  # bz2 raises OSError for damage
            return data
    return archive
