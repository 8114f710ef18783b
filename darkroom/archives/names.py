"""Names of files in archives: those that lead out of one, and those that mean nothing."""

from pathlib import Path

from darkroom.common.errors import UserError


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
    """Whether it is what macOS adds to archives and no data set means."""
    if not ("__MACOSX" in name or "._" in name or ".DS_Store" in name):  # as of nearly all
        return False
    *folders, file = name.split("/")
    return "__MACOSX" in folders or file.startswith("._") or file == ".DS_Store"
