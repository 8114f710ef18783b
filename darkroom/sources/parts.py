"""Parts of files that are being downloaded. They outlive the stage, so that the next call continues them."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from darkroom.common.errors import UserError
from darkroom.common.files import read_json, remove, write_json

IN_DVC = Path(".dvc", "tmp")
EXPERIMENTS = (*IN_DVC.parts, "exps")  # the folders beneath a project in which `dvc exp run --temp` copies it


def parts_folder(project: Path, target: Path) -> Path:
    """Return the folder of the parts.

    DVC deletes the outputs of a stage before it runs, and the copy of the project after an experiment in one.

    Args:
        project: the root of the project.
        target: the folder that the files are for.

    Returns:
        A folder in `.dvc/tmp` of the project; if the project is a copy for an experiment, of the one it is a copy of.
        Without DVC: a folder beside `target`.
    """
    root = original_project(project)
    return root / IN_DVC / "darkroom-downloads" if (root / ".dvc").is_dir() else target.parent / ".downloads"


def original_project(project: Path) -> Path:
    """Return the project that `project` is DVC's copy of, for an experiment; `project` itself if it is none."""
    parts = project.absolute().parts
    for place in range(len(parts) - len(EXPERIMENTS)):
        if parts[place : place + len(EXPERIMENTS)] == EXPERIMENTS:
            return Path(*parts[:place])
    return project


@dataclass(frozen=True)
class Origin:
    """What a server said of the file that a part is of.

    Attributes:
        size: of the whole file in bytes.
        validator: the strong ETag or the Last-Modified that stands for these very bytes, for `If-Range`.
    """

    size: int | None = None
    validator: str | None = None


class Part:
    """The beginning of a file, and what is known of the rest.

    Attributes:
        path: of the bytes, which may not be there yet.
        origin: what the server said.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.path = folder / f"{key}.part"
        self._notes = folder / f"{key}.json"
        self.origin = Origin()
        if self.size and self._notes.is_file():
            try:
                self.origin = Origin(**read_json(self._notes))
            except (UserError, TypeError):  # cut short when the machine went down
                self.clear()

    @property
    def size(self) -> int:
        """The number of bytes that are there."""
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def is_whole(self) -> bool:
        """Whether the part is known to be the whole file."""
        return self.origin.size is not None and self.size == self.origin.size

    def note(self, origin: Origin) -> None:
        """Keep what the server says of the file."""
        if origin != self.origin:
            notes: dict[str, Any] = {"size": origin.size, "validator": origin.validator}
            write_json(self._notes, notes)
            self.origin = origin

    def clear(self) -> None:
        """Delete the part."""
        remove(self.path)
        remove(self._notes)
        self.origin = Origin()

    def tail(self, length: int) -> bytes:
        """Return the last bytes, at most `length`."""
        if not self.size:
            return b""
        with self.path.open("rb") as file:
            file.seek(max(0, self.size - length))
            return file.read()


@contextmanager
def open_part(folder: Path, name: str, checksum: str | None, address: str) -> Iterator[Part]:
    """Yield the part of a file. No other process can have it at the same time.

    Args:
        folder: of all parts.
        name: of the file, for messages.
        checksum: of the file. Parts of files with the same checksum are the same, wherever they come from.
        address: of the file, which stands for it if there is no checksum.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = checksum.replace(":", "-") if checksum else f"url-{hashlib.sha256(address.encode()).hexdigest()}"
    lock = FileLock(folder / f"{key}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"{name}: another process downloads it; waiting", flush=True)
        lock.acquire()
    try:
        yield Part(folder, key)
    finally:
        lock.release()
