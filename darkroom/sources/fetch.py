"""Bring a task's archives into one folder: draw, download, copy or pack them."""

import os
import shutil
from pathlib import Path

from darkroom.archives.pack import pack_folder
from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.sources.dataset import PublishedFile, load_dataset
from darkroom.sources.download import download, file_name, is_url, verify
from darkroom.sources.parameters import DownloadParameters, FetchParameters
from darkroom.sources.parts import open_part, original_project, parts_folder
from darkroom.sources.probe import Ranks, order_by_speed

MIRROR = "DARKROOM_MIRROR"  # in the environment; it comes before `mirror` of params.yaml
DVC_CACHE = Path(".dvc", "cache", "files", "md5")
QUOTES = "\"'“‘`"


def own_mirror(parameters: DownloadParameters) -> str | None:
    """Return the user's own mirror: a base URL, or the path of a folder. None: there is none."""
    return os.environ.get(MIRROR) or parameters.mirror


def fetch(parameters: FetchParameters, folder: Path, mirror: str | None = None, project: Path = Path()) -> None:
    """Fill `folder` with the task's archives.

    Args:
        parameters: where they come from.
        folder: where they are written.
        mirror: where published files are looked for first, by their names: a base URL, or the path of a folder.
        project: the folder of the project, which keeps parts of downloads and DVC's cache.

    Raises:
        UserError: an archive cannot be fetched or its checksum differs. `folder` stays as it was.
    """
    parts = parts_folder(project, folder)
    with replacing(folder) as temporary:
        temporary.mkdir()
        if parameters.archive is not None:
            checksum = f"sha256:{parameters.sha256}" if parameters.sha256 else None
            _fetch_archive(parameters.archive, temporary, checksum, parts)
            return
        assert parameters.dataset is not None, "the parameters are checked: one of both is given"
        dataset = load_dataset(parameters.dataset)
        if parameters.source == "published" and dataset.files:
            ranks: Ranks = {}
            for file in dataset.files:
                _fetch_published(file, temporary, mirror, project, parts, ranks)
        else:
            for name, content in dataset.draw_sample().items():
                (temporary / name).write_bytes(content)


def _fetch_archive(address: str, folder: Path, checksum: str | None, parts: Path) -> None:
    """Download or copy the user's archive into `folder`, or pack the user's folder."""
    if is_url(address):
        name = file_name(address)
        with open_part(parts, name, checksum, address) as part:
            download([address], part, folder / name, checksum)
        return
    source = _path(address, "`archive` takes a path or a URL")
    if source.is_dir():
        target = folder / f"{source.resolve().name}.tar"
        pack_folder(source, target)
    else:
        target = folder / source.name
        _copy(source, target)
    if target.stat().st_size == 0:
        raise UserError(f"{address}: is empty; give another archive")
    if checksum:
        verify(target, address, checksum)


def _fetch_published(
    file: PublishedFile, folder: Path, mirror: str | None, project: Path, parts: Path, ranks: Ranks
) -> None:
    """Bring a published file into `folder`: from DVC's cache, the user's mirror, or the fastest of its addresses."""
    name, checksum = file_name(file.addresses[0]), f"md5:{file.md5}"
    target = folder / name
    cached = original_project(project) / DVC_CACHE / file.md5[:2] / file.md5[2:]
    if _copy_checked(cached, target, checksum):
        return
    if mirror and not is_url(mirror):
        base = _path(mirror, f"{MIRROR} and `mirror` take a folder or a URL")
        if not base.is_dir():
            raise UserError(f"{base}: is no folder; {MIRROR} and `mirror` take a folder or a URL")
        if _copy_checked(base / name, target, checksum):
            return
        print(f"{base / name}: is not there or another file; going on without the mirror", flush=True)
    with open_part(parts, name, checksum, file.addresses[0]) as part:
        if mirror and is_url(mirror):
            own = f"{mirror.rstrip('/')}/{name}"
            try:
                download([own], part, target, checksum)
                return
            except UserError as error:
                print(f"{error}; going on without the mirror", flush=True)
        download(order_by_speed(file.addresses, part, ranks), part, target, checksum)


def _path(text: str, hint: str) -> Path:
    """Return the path of a file or folder of the user, which is there."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise UserError(f"{text}: there is no such user; write the full path instead of ~") from None
    if not path.exists():
        quotes = ", without quotes around it" if text[0] in QUOTES else ""
        raise UserError(f"{path}: no such file; {hint}{quotes}")
    return path


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except PermissionError:
        raise UserError(
            f"{source}: permission to read it is denied; allow it, or close the program that uses it"
        ) from None


def _copy_checked(source: Path, target: Path, checksum: str) -> bool:
    """Copy a file if it is there and has this checksum. Return whether it has."""
    if not source.is_file():
        return False
    _copy(source, target)
    try:
        verify(target, str(source), checksum)
    except UserError as error:
        print(error, flush=True)
        target.unlink()
        return False
    return True
