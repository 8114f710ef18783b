"""git and DVC."""

from __future__ import annotations

import configparser
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Callable  # noqa: UP035 - that of collections.abc takes no [] in Python 3.8

from darkroom.commands.doctor.machine import Finding, Machine

# How Python makes links; reflinks are left to DVC, since Python cannot make them.
LINKS: dict[str, Callable[[Path, Path], None]] = {"hardlink": os.link, "symlink": os.symlink}


def check_git(machine: Machine) -> list[Finding]:
    """Look at git, the repository, and the name that DVC's commits get."""
    install = machine.by_system("winget install Git.Git", "xcode-select --install", "sudo apt-get install git")
    code, version = machine.ask("git", "--version")
    if code != 0:
        return [Finding("git", version or "is not installed, or not on PATH", "fault", install)]
    code, told = machine.ask("git", "rev-parse", "--show-toplevel")
    if code != 0 and "dubious ownership" in told:
        mend = f'git config --global --add safe.directory "{machine.root.as_posix()}"'
        return [Finding("git", f"{machine.root} belongs to another user", "fault", mend)]
    if code != 0:
        mend = "git init && git add --all && git commit -m start"
        return [Finding("git", f"{machine.root} is no repository, and DVC needs one", "fault", mend)]
    findings = []
    for key, example in (("user.name", "Your Name"), ("user.email", "you@example.org")):
        if machine.ask("git", "config", key)[0] != 0 and f"GIT_AUTHOR_{key[5:].upper()}" not in machine.environ:
            mend = f'git config --global {key} "{example}"'
            findings.append(Finding("git", f"{key} is not set, and experiments are commits", "fault", mend))
    return findings or [Finding("git", version)]


def check_line_ends(machine: Machine) -> list[Finding]:
    """Look at line ends: with CRLF the code has other hashes, and every stage runs again."""
    code, told = machine.ask("git", "ls-files", "--eol")
    changed = [line.split("\t")[-1] for line in told.splitlines() if " w/crlf" in line or " w/mixed" in line]
    if code != 0:
        return []
    if changed:
        found = f"CRLF in {', '.join(changed[:3])}{f' and {len(changed) - 3} more' if len(changed) > 3 else ''}"
        mend = "git rm -rq --cached . ; git reset --hard  # after a commit of your changes"
        return [Finding("line ends", found, "fault", mend)]
    if machine.ask("git", "config", "core.autocrlf")[1] == "true":
        found = "LF; core.autocrlf=true, which .gitattributes overrules here"
        return [Finding("line ends", found, "note", "git config core.autocrlf input")]
    return [Finding("line ends", "LF")]


def check_dvc(machine: Machine) -> list[Finding]:
    """Look at the program `dvc`."""
    program = machine.find("dvc")
    if program is None:
        here = any((machine.root / ".venv" / folder).exists() for folder in ("bin/dvc", "Scripts/dvc.exe"))
        mend = machine.activate if here else machine.set_up
        return [Finding("dvc", "is not on PATH", "fault", mend)]
    code, told = machine.ask("dvc", "--version")
    if code != 0:
        last = (told.splitlines() or ["it does not start"])[-1]
        mend = "python -m pip install --force-reinstall -c constraints.txt dvc"
        return [Finding("dvc", f"{program} fails: {last[:200]}", "fault", mend)]
    return [Finding("dvc", told.splitlines()[-1])]


def check_cache(machine: Machine) -> list[Finding]:
    """Look at how DVC brings files from its cache into the workspace."""
    settings = _cache_settings(machine.root)
    folder = Path(settings.get("dir", machine.root / ".dvc" / "cache"))
    if not folder.is_absolute():
        folder = machine.root / ".dvc" / folder
    types = [name.strip() for name in settings.get("type", "reflink,copy").split(",")]
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=there, prefix=".doctor-") as file:
            works = [name for name in types if _can_link(name, Path(file.name), machine.root)]
    except OSError as error:
        mend = "dvc config --local --unset cache.dir" if "dir" in settings else f"mkdir {folder}"
        return [Finding("DVC cache", f"{folder} cannot be written: {error.strerror}", "fault", mend)]
    if works:
        return [Finding("DVC cache", f"{works[0]} from {folder}")]
    found = f"copies from {folder}: each file takes its space twice"
    if set(types) & set(LINKS):
        mend = 'dvc config --local cache.dir "PATH"  # a folder on the same disk as this one'
    else:
        mend = "dvc config --local cache.type hardlink,reflink,symlink,copy"
    return [Finding("DVC cache", found, "note", mend)]


def _can_link(name: str, file: Path, folder: Path) -> bool:
    """Make a link to `file` in `folder` and delete it."""
    link = folder / file.name.replace(".doctor-", ".doctor-link-")
    if name not in LINKS:
        return False
    try:
        LINKS[name](file, link)
    except (OSError, NotImplementedError):
        return False
    link.unlink()
    return True


def _cache_settings(root: Path) -> dict[str, str]:
    """Return the section `cache` of the project's configuration of DVC, the local file over the shared one."""
    settings: dict[str, str] = {}
    for name in ("config", "config.local"):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        with suppress(OSError, configparser.Error, UnicodeDecodeError):
            parser.read_string((root / ".dvc" / name).read_text(encoding="utf-8"))
            settings.update(
                {key: value.strip("\"'") for key, value in parser["cache"].items()} if "cache" in parser else {}
            )
    return settings
