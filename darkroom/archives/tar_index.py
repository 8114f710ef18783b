"""Finding the files of a tar archive, decompressed beforehand where it is compressed."""

import bz2
import gzip
import lzma
import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from darkroom.archives.member import Member
from darkroom.archives.names import check_name
from darkroom.common.errors import UserError

# Of each compression: how its files begin, and what opens them.
COMPRESSIONS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}


def index_tar(archive: Path, scratch: Path) -> list[Member]:
    """The files in `archive`, in its order; their bytes lie in `scratch` where it is compressed.

    Raises:
        UserError: it is no tar or cut short, or holds a name or a link that leads out of it.
        Exception: the errors of tarfile, gzip, bz2 and lzma where it is damaged.
    """
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
            check_name(archive, info.name)
            if info.issym() or info.islnk():
                target = PurePosixPath(info.linkname)
                check_name(archive, str(target if info.islnk() else PurePosixPath(info.name).parent / target))
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
                shutil.copyfileobj(packed, unpacked, length=1 << 20)
            return data
    return archive
