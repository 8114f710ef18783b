"""Names of files in archives and folders: normalization, safety, encodings, and files that no data set means."""

import unicodedata
from functools import lru_cache
from pathlib import Path

from darkroom.archives.text import likely_encodings
from darkroom.common.errors import UserError

# Files and folders that operating systems and programs leave behind, in lower case.
LITTER = frozenset(
    ["__macosx", "@eadir", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information",
     "#recycle", "lost+found"]
)  # fmt: skip


def normalize_name(archive: Path, name: str) -> str:
    """Return `name` with `/` between folders, without a leading `./`, in Unicode's composed form (NFC).

    Raises:
        UserError: it leads out of the archive.
    """
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    name = name.replace("\\", "/")
    check_name(archive, name)
    return name.removeprefix("./")


def check_name(archive: Path, name: str) -> None:
    """Refuse a name or link target that leads out of the archive.

    Raises:
        UserError: it does.
    """
    if not (name.startswith("/") or ".." in name or "\\" in name or ":" in name):  # true for almost all names
        return
    parts = name.replace("\\", "/").split("/")
    depth = 0 if parts[0] else -1  # the first part of an absolute path is empty
    for part in parts:
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0 or part.endswith(":"):
            raise UserError(f"{archive}: {name}: leads out of the archive; do not use this archive")


def is_litter(name: str) -> bool:
    """Return whether a file or one of its folders is hidden, or left behind by an operating system or a program."""
    folders, _, file = name.rpartition("/")
    return _is_left_behind(file) or _has_litter(folders)


@lru_cache(maxsize=4096)
def _has_litter(folders: str) -> bool:
    return any(_is_left_behind(folder) for folder in folders.split("/") if folder not in (".", ".."))


def _is_left_behind(part: str) -> bool:
    return part.startswith((".", "~$")) or part.lower() in LITTER


def detect_encoding(archive: Path, names: list[bytes], encoding: str | None) -> str:
    """Return the encoding of an archive's names.

    Args:
        archive: where the names are from, for messages.
        names: those that are not ASCII and whose encoding the archive does not state.
        encoding: the user's choice. None: detect it.

    Raises:
        UserError: the names are not valid in `encoding`, or the encoding is uncertain.
    """
    if encoding:
        _check_encoding(archive, names, encoding)
        return encoding
    found = likely_encodings(b"\n".join(names))
    if len(found) == 1:
        return found[0]
    readings = [f"{candidate} ({names[0].decode(candidate)})" for candidate in found]
    raise UserError(
        f"{archive}: does not state the encoding of its names, which may be {' or '.join(readings) or 'anything'}: set "
        "encoding, or --encoding, to the one of the Windows that wrote it, such as gbk, big5, cp932, euc-kr or cp866"
    )


def _check_encoding(archive: Path, names: list[bytes], encoding: str) -> None:
    for name in names:
        try:
            name.decode(encoding)
        except LookupError:
            raise UserError(
                f"encoding = {encoding}: there is no such encoding; take gbk, big5, cp932 or euc-kr"
            ) from None
        except UnicodeDecodeError:
            raise UserError(f"{archive}: {name!r} is not valid {encoding}: set encoding to another one") from None
