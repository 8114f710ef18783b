"""Everything that differs between Linux, macOS and Windows. No other module asks which of them it runs on.

What Windows lacks or refuses, and what Darkroom does about it:

- It renames and deletes no file that is open or mapped, and no folder that holds one. Whoever writes a file closes it
  before the rename (`darkroom.common.files`); virus scanners, which open new files for a moment, are waited for.
- It deletes no file with the read-only attribute, which DVC gives to its links to the cache.
- It starts worker processes by spawning them, at most 61 for a pool. All systems spawn here, so all run the same code.
- It has paths of at most 260 characters, unless a setting of the registry allows longer ones, which Python then takes.
  `too_long` makes one line of the error and names the setting. The prefix that lifts the limit without the setting is
  not used: it needs absolute paths, and neither DVC nor all libraries that get a path from here take it.
- It does not allow some file names: `can_name_file`.
"""

import ctypes
import errno
import io
import os
import platform
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

IS_WINDOWS = sys.platform == "win32"
IS_MACOS = sys.platform == "darwin"

MOST_WINDOWS_WORKERS = 61  # of a ProcessPoolExecutor: Windows waits for at most 63 handles, and two are the pool's own
MOST_WINDOWS_CHARACTERS = 259  # of a path without the setting for long ones; the 260th is a zero byte
WINDOWS_DISK_FULL = (39, 112, 1295)  # ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL and ERROR_DISK_QUOTA_EXCEEDED
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # seconds to wait for a program that holds a file open, before each new try
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
NO_FILE_NAME = re.compile(
    r'[<>:"/\\|?*\x00-\x1f]|[. ]$|^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\.|$)', re.IGNORECASE
)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # parameters of mallopt(3)
NEVER = 2**31 - 1  # bytes: the largest threshold that mallopt takes


def system() -> str:
    """Return `Linux`, `Darwin` or `Windows`."""
    return platform.system()


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pool_size() -> int:
    """Return how many worker processes a pool gets: one for each core, as far as the system allows."""
    return min(cores(), MOST_WINDOWS_WORKERS) if IS_WINDOWS else cores()


def peak_memory() -> int:
    """Return the most memory that this process has used so far, in bytes."""
    try:
        import resource
    except ModuleNotFoundError:  # on Windows
        import psutil

        memory = psutil.Process().memory_info()
        return int(getattr(memory, "peak_wset", memory.rss))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if IS_MACOS else 1024)


def free_memory() -> int:
    """Return how much memory of this machine programs can still take, in bytes."""
    import psutil

    return int(psutil.virtual_memory().available)


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees. Do nothing where the C library is not glibc.

    By default glibc returns large arrays to the system, and each training step needs arrays of the same sizes again.
    About an eighth of a step's time would go into fresh pages: https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    try:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    except (TypeError, OSError):  # Windows has no handle for the libraries that are loaded
        return
    if mallopt is not None:
        for threshold in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            mallopt(threshold, NEVER)


def replace(source: Path, target: Path) -> None:
    """Rename `source` to `target`; a file that stands there is replaced.

    Raises:
        PermissionError: on Windows, one of them is open or mapped.
    """
    if not IS_WINDOWS:
        source.replace(target)
        return
    if target.is_file():
        _make_writable(target)
    for pause in PAUSES:
        try:
            source.replace(target)
            return
        except PermissionError:
            time.sleep(pause)
    source.replace(target)


def allow_deletion(path: Path) -> None:
    """Make the file at `path`, or all files in that folder, writable where Windows would refuse to delete them.

    A link shares the attribute with DVC's cache. DVC does the same when it removes links, and makes the cache's file
    read-only again when it next uses it.
    """
    if IS_WINDOWS:
        for file in path.rglob("*") if path.is_dir() else [path]:
            if file.is_file():
                _make_writable(file)


def _make_writable(path: Path) -> None:
    mode = path.stat().st_mode
    if not mode & 0o200:
        path.chmod(mode | 0o200)


def can_name_file(name: str) -> bool:
    """Return whether this system can have a file called `name`.

    Windows would write what follows a colon into a hidden part of another file, without an error.
    """
    return not (IS_WINDOWS and NO_FILE_NAME.search(name))


def is_disk_full(error: OSError) -> bool:
    """Return whether `error` says that the disk, or the user's share of it, is full."""
    codes = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
    return error.errno in codes or getattr(error, "winerror", None) in WINDOWS_DISK_FULL


def is_closed_pipe(error: OSError) -> bool:
    """Return whether `error` says that the reader of the output, such as `head`, has ended."""
    return isinstance(error, BrokenPipeError) or (IS_WINDOWS and error.errno == errno.EINVAL and error.filename is None)


def discard_output() -> None:
    """Let what this process still prints go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def too_long(error: OSError) -> str | None:
    """Return what to do if `error` comes from a path that is too long for Windows as it is set; None if it does not."""
    if not (IS_WINDOWS and isinstance(error, FileNotFoundError) and error.filename):
        return None
    path = Path(error.filename).absolute()
    if len(str(path)) <= MOST_WINDOWS_CHARACTERS:
        return None
    return (
        f"{path}: has {len(str(path))} characters, and Windows as it is set takes {MOST_WINDOWS_CHARACTERS}: move the "
        r"project to a folder with a shorter path, or set LongPathsEnabled of "
        r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\FileSystem to 1 in the registry"
    )


def print_all_characters() -> None:
    r"""Let this process print every character, whatever the encoding of its output.

    A pipe or a log on Windows has the system's old encoding, such as cp936 or cp1252. It is kept, since the program
    that reads the output expects it, and characters that it lacks become \u732b, as they always do on stderr. A console
    shows all.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def quote(command: list[str]) -> str:
    """Return a command as one line for this system's shell."""
    return subprocess.list2cmdline(command) if IS_WINDOWS else shlex.join(command)


def activation() -> str:
    """Return the command that puts the programs in .venv on the PATH."""
    return r".venv\Scripts\activate" if IS_WINDOWS else "source .venv/bin/activate"
