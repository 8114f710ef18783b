"""Names of files in archives and folders: those that lead out of one, and those that no data set means."""

import unicodedata
from functools import lru_cache
from pathlib import Path

from darkroom.archives.text import likely_encodings
from darkroom.common.errors import UserError

# What systems and programs leave behind, in lower case; and all that begins with a dot, which is hidden.
LITTER = frozenset(
    ["__macosx", "@eadir", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information",
     "#recycle", "lost+found"]
)  # fmt: skip


def tidy(archive: Path, name: str) -> str:
    """The name with `/` between folders and without `./` before it, in Unicode's composed form (NFC).

    Raises:
        UserError: it leads out of the archive.
    """
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    name = name.replace("\\", "/")
    check_name(archive, name)
    return name.removeprefix("./")


def check_name(archive: Path, name: str) -> None:
    """Refuse a name or link target that leads out of the archive: nothing trustworthy holds one.

    Raises:
        UserError: it does.
    """
    if not (name.startswith("/") or ".." in name or "\\" in name or ":" in name):  # as of nearly all
        return
    parts = name.replace("\\", "/").split("/")
    depth = 0 if parts[0] else -1  # an absolute path begins with nothing
    for part in parts:
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0 or part.endswith(":"):
            raise UserError(f"{archive}: {name}: leads out of the archive; do not use this archive")


def is_litter(name: str) -> bool:
    """Whether a file, or a folder that it is in, is what systems leave behind and no data set means."""
    folders, _, file = name.rpartition("/")
    return _is_left_behind(file) or _has_litter(folders)


@lru_cache(maxsize=4096)
def _has_litter(folders: str) -> bool:
    return any(_is_left_behind(folder) for folder in folders.split("/") if folder not in (".", ".."))


def _is_left_behind(part: str) -> bool:
    return part.startswith((".", "~$")) or part.lower() in LITTER


def encoding_of_names(archive: Path, names: list[bytes], asked: str | None) -> str:
    """The encoding of an archive's names, all those that are not ASCII and of which nothing says it.

    Args:
        asked: by the user; None: UTF-8 where all read as it, else what they are likely to be in.

    Raises:
        UserError: they do not read as `asked`, or nothing is certain.
    """
    for name in names if asked else []:
        try:
            name.decode(asked)
        except LookupError:
            raise UserError(f"encoding = {asked}: there is no such encoding; take gbk, big5, cp932 or euc-kr") from None
        except UnicodeDecodeError:
            raise UserError(f"{archive}: {name!r} does not read as {asked}: set encoding to another one") from None
    found = [asked] if asked else likely_encodings(b"\n".join(names))
    if len(found) == 1:
        return found[0]
    shown = [f"{encoding} ({names[0].decode(encoding)})" for encoding in found]
    raise UserError(
        f"{archive}: nothing says how its names are written, and they may be {' or '.join(shown) or 'anything'}: set "
        "encoding, or --encoding, to what its Windows uses, such as gbk, big5, cp932, euc-kr or cp866"
    )
