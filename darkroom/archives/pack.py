"""Packing a folder into one archive."""

import tarfile
from contextlib import closing
from pathlib import Path

from darkroom.archives.index import list_files
from darkroom.common.errors import UserError
from darkroom.common.progress import progress


def pack_folder(folder: Path, target: Path) -> None:
    """Write the files of `folder` and its subfolders to an uncompressed tar. The same files give the same bytes.

    One file is much faster for DVC than many. Names are sorted and relative to `folder`; no time, owner or permission
    is kept. What operating systems leave behind is left out.

    Args:
        folder: the files.
        target: the archive to write.

    Raises:
        UserError: there are no files, or one cannot be read.
    """
    members = sorted(list_files(folder).items())
    with (
        closing(progress(len(members), f"packing {folder.name}", unit="file")) as bar,
        tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, member in members:
            info = tarfile.TarInfo(name)
            info.size = member.size
            try:
                with Path(member.data).open("rb") as file:
                    archive.addfile(info, file)
            except PermissionError:
                raise UserError(f"{member.data}: permission to read it is denied; allow it") from None
            bar.update(1)
