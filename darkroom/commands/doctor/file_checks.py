"""The disk, the folder and its path, and fonts."""

from __future__ import annotations

import tempfile

from darkroom.commands.doctor.machine import Finding, Machine

GB = 10**9
LEAST, ENOUGH = 1 * GB, 10 * GB  # of free space: for the sample; for the published data with what is made of them
LONGEST_PATH = 259  # characters, of Windows without long paths
LONGEST_BELOW = 180  # characters of the longest path within the project: of a package in .venv
# Fonts with Chinese characters, by the names that matplotlib knows them by.


def check_disk(machine: Machine) -> list[Finding]:
    """Look at what is left on the disk."""
    found = f"{machine.free / GB:.1f} GB free"
    if machine.free < LEAST:
        return [Finding("disk", f"{found}: too little for the sample", "fault", "dvc gc --workspace")]
    if machine.free < ENOUGH:
        return [Finding("disk", f"{found}: little for published data", "note", "dvc gc --workspace")]
    return [Finding("disk", found)]


def check_writing(machine: Machine) -> list[Finding]:
    """Look at whether the folders of the project can be written."""
    folders = [machine.root / name for name in (".", ".dvc", "data", "metrics", "models", "plots", "reports")]
    for folder in folders:
        try:
            if folder.is_dir():
                with tempfile.TemporaryFile(dir=folder):
                    pass
        except OSError as error:
            own = 'sudo chown -R "$USER" .'
            mend = machine.by_system('icacls . /grant "%USERNAME%:F" /T', own, own)
            return [Finding("folder", f"{folder} cannot be written: {error.strerror}", "fault", mend)]
    return [Finding("folder", f"{machine.root} can be written")]


def check_path(machine: Machine) -> list[Finding]:
    """Look at the path of the project: its length on Windows, and characters that programs may not print."""
    findings = []
    path = str(machine.root)
    if machine.long_paths is False:
        found = "Windows takes no paths of more than 259 characters"
        mend = (
            r"reg add HKLM\SYSTEM\CurrentControlSet\Control\FileSystem /v LongPathsEnabled /t REG_DWORD /d 1 /f"
            "  # as administrator"
        )
        is_fault = len(path) + LONGEST_BELOW > LONGEST_PATH
        ending = f", and this folder's path has {len(path)}" if is_fault else "; this folder's is short enough"
        findings.append(Finding("long paths", found + ending, "fault" if is_fault else "note", mend))
    elif machine.long_paths:
        findings.append(Finding("long paths", "on"))
    try:
        path.encode(machine.encoding)
    except UnicodeEncodeError:
        mend = machine.by_system("setx PYTHONUTF8 1", "export LC_ALL=en_US.UTF-8", "export LC_ALL=C.UTF-8")
        found = f"{path!a} has characters that {machine.encoding} lacks, in which programs print here"
        return [*findings, Finding("path", found, "fault", mend)]
    return [*findings, Finding("path", "ASCII" if path.isascii() else f"not ASCII, which {machine.encoding} can print")]


def check_fonts(machine: Machine) -> list[Finding]:
    """Look for a font with Chinese characters, for names of classes in figures."""
    fonts = machine.probe.fonts
    if fonts is None:
        return []
    if fonts:
        return [Finding("Chinese font", fonts[0])]
    mend = machine.by_system(
        "Add-WindowsCapability -Online -Name Language.Fonts.Hans~~~und-HANS~0.0.1.0",
        "brew install --cask font-noto-sans-cjk",
        "sudo apt-get install fonts-noto-cjk",
    )
    return [Finding("Chinese font", "none: figures show numbers in place of Chinese names", "note", mend)]
