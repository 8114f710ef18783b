"""Makes Python on Linux refuse what Windows refuses. Python imports this by itself where its folder is on PYTHONPATH.

Since the environment is inherited, it reaches worker processes, and the stages that DVC starts. Each process adds a
line to the file in `WINDOWS_LIKE_LOG`.

For the code of `darkroom`, `stages` and the tests alone, because libraries on Linux may use what Linux has:

- The modules of `NO_MODULES` cannot be imported. `os` and `signal` lack the names in `NOT_IN_OS` and `NOT_IN_SIGNAL`.
- `ctypes.CDLL(None)` raises TypeError.
- `time.time` and `time.monotonic` go on in steps of 1/64 s, as before Python 3.13 there.
- `darkroom.common.platform.IS_WINDOWS` is true, so the branches for Windows are taken.

For all code, libraries too:

- A file that is open or mapped, in this process or one that it started, is neither renamed, replaced nor deleted, and a
  folder that holds such a file is not renamed. Read-only files are neither replaced nor deleted. Renaming over a file
  is refused where it is not called replacing.
- Processes are spawned, never forked, and no pool has more than 61 workers. No symbolic link can be made.
- Text files have CRLF line ends and are in cp936, or with PYTHONUTF8=1 in UTF-8, where `open` is not told otherwise.
  Names that Windows has for no file are refused for new files.
- Paths are compared without the case of their letters.

What is not emulated: DVC's own process, whose makers test it on Windows; drive letters and backslashes; the length of
paths; names that differ in case alone; the default encoding of pipes to other programs (that of stdout is set by
PYTHONIOENCODING); consoles; signals; other programs, such as virus scanners, that hold files open; and the libraries,
which are other builds there.
"""

import builtins
import concurrent.futures
import ctypes
import errno
import io
import multiprocessing
import os
import pathlib
import re
import signal
import stat
import sys
import time
import types
from concurrent.futures.process import ProcessPoolExecutor

NO_MODULES = ("resource", "pty", "tty", "termios", "fcntl", "pwd", "grp", "syslog", "posix")
NOT_IN_OS = (
    "fork", "forkpty", "pread", "preadv", "pwrite", "pwritev", "mkfifo", "mknod", "getuid", "geteuid", "getgid",
    "getegid", "getpgrp", "setpgrp", "setpgid", "setsid", "killpg", "chown", "lchown", "fchown", "nice", "uname",
    "statvfs", "sysconf", "sendfile", "posix_fadvise", "posix_fallocate", "posix_spawn", "register_at_fork", "sync",
    "sched_getaffinity", "sched_setaffinity", "sched_yield", "wait", "getloadavg", "O_CLOEXEC", "O_DIRECTORY",
)  # fmt: skip
NOT_IN_SIGNAL = ("SIGKILL", "SIGSTOP", "SIGCONT", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGCHLD", "alarm", "pause")
OURS = ("darkroom", "stages", "conftest", "small_runs", "train_small", "kill_often")
MOST_WORKERS = 61
TICK = 1 / 64  # seconds
DEFAULT_ENCODING = "utf-8" if sys.flags.utf8_mode else "cp936"
LETTERS = re.compile(r'[<>:"|?*\\]')


def is_ours(scope: dict | None) -> bool:
    """Whether code with these globals belongs to the project."""
    spec = (scope or {}).get("__spec__")
    name = spec.name if spec is not None else (scope or {}).get("__name__", "")
    return name.partition(".")[0] in OURS or name.startswith("test_")


def without(module: types.ModuleType, names: tuple[str, ...]) -> types.ModuleType:
    other = types.ModuleType(module.__name__, module.__doc__)
    vars(other).update({name: value for name, value in vars(module).items() if name not in names})
    return other


def hide_what_windows_lacks() -> None:
    real_import, changed = builtins.__import__, {}

    def import_module(name, scope=None, local=None, fromlist=(), level=0):
        top = name.partition(".")[0]
        if level == 0 and is_ours(scope):
            if top in NO_MODULES:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            if top in changed and name in (top, "os.path") and not (name == "os.path" and fromlist):
                return changed[top]
        module = real_import(name, scope, local, fromlist, level)
        ours = sys.modules.get("darkroom.common.platform")
        if ours is not None and hasattr(ours, "IS_WINDOWS"):
            ours.IS_WINDOWS = True
        return module

    changed |= {"os": without(os, NOT_IN_OS), "signal": without(signal, NOT_IN_SIGNAL), "time": without(time, ())}
    changed["time"].monotonic = lambda: time.monotonic() // TICK * TICK
    changed["time"].time = lambda: time.time() // TICK * TICK
    builtins.__import__ = import_module

    real_cdll = ctypes.CDLL.__init__

    def cdll(self, name, *rest, **more):
        if name is None and is_ours(sys._getframe(1).f_globals):
            raise TypeError("argument of type 'NoneType' is not iterable")
        real_cdll(self, name, *rest, **more)

    ctypes.CDLL.__init__ = cdll


def processes() -> list[int]:
    """This process and those that it started."""
    found = [os.getpid()]
    for process in found:
        for task in pathlib.Path(f"/proc/{process}/task").glob("*/children"):
            try:
                found += map(int, task.read_text("ascii").split())
            except OSError:  # it has ended
                continue
    return found


def open_files() -> set[str]:
    """The paths of all files that are open or mapped."""
    found = set()
    for process in processes():
        try:
            maps = pathlib.Path(f"/proc/{process}/maps").read_text("utf-8")
            found |= {fields[5] for line in maps.splitlines() if len(fields := line.split(maxsplit=5)) == 6}
            descriptors = os.listdir(f"/proc/{process}/fd")
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                path = os.readlink(f"/proc/{process}/fd/{descriptor}")
            except OSError:
                continue
            if path.startswith("/") and not os.path.isdir(path):
                found.add(path)
    return found


def whole_path(path: object, folder: int | None) -> str:
    path = os.fsdecode(path)
    start = os.getcwd() if folder is None else os.readlink(f"/proc/self/fd/{folder}")
    return os.path.join(os.path.realpath(os.path.dirname(os.path.join(start, path))), os.path.basename(path))


def refuse_open(path: str, doing: str) -> None:
    opened = open_files()
    holds = path in opened or (os.path.isdir(path) and any(file.startswith(path + "/") for file in opened))
    if holds:
        raise PermissionError(errno.EACCES, f"{doing} it while it, or a file in it, is open or mapped", path)


def refuse_read_only(path: str, doing: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISREG(mode) and not mode & stat.S_IWRITE:
        raise PermissionError(errno.EACCES, f"{doing} it, and it is read-only", path)


def lock_open_files() -> None:
    real_rename, real_replace, real_unlink = os.rename, os.replace, os.unlink

    def rename(src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        if os.path.lexists(whole_path(dst, dst_dir_fd)):
            raise FileExistsError(errno.EEXIST, "renaming over it", os.fsdecode(dst))
        refuse_open(whole_path(src, src_dir_fd), "renaming")
        real_rename(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    def replace(src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        target = whole_path(dst, dst_dir_fd)
        if os.path.isdir(target):
            raise PermissionError(errno.EACCES, "renaming over a folder", target)
        refuse_open(whole_path(src, src_dir_fd), "renaming")
        refuse_open(target, "replacing")
        refuse_read_only(target, "replacing")
        real_replace(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    def unlink(path, *, dir_fd=None):
        refuse_open(whole_path(path, dir_fd), "deleting")
        refuse_read_only(whole_path(path, dir_fd), "deleting")
        real_unlink(path, dir_fd=dir_fd)

    def symlink(src, dst, target_is_directory=False, *, dir_fd=None):
        raise OSError(errno.EPERM, "a required privilege is not held by the client", os.fsdecode(dst))

    for function, real in ((rename, real_rename), (replace, real_replace), (unlink, real_unlink)):
        for group in (os.supports_dir_fd, os.supports_follow_symlinks):
            if real in group:
                group.add(function)
    os.rename, os.replace, os.unlink, os.remove, os.symlink = rename, replace, unlink, unlink, symlink


def write_as_windows_does() -> None:
    real_open = io.open

    def open_file(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
        writes = bool(set(mode) & set("wax+"))
        if "b" not in mode:
            encoding = DEFAULT_ENCODING if encoding in (None, "locale") else encoding
            newline = "\r\n" if newline is None and writes else newline
        if writes and not isinstance(file, int) and LETTERS.search(os.fsdecode(file)):
            raise OSError(errno.EINVAL, "Invalid argument", os.fsdecode(file))
        return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)

    builtins.open = io.open = open_file


def spawn_processes() -> None:
    multiprocessing.set_start_method("spawn")

    def fork():
        raise OSError(errno.ENOSYS, "there is no fork")

    os.fork = fork
    real_init = ProcessPoolExecutor.__init__

    def init(self, max_workers=None, *rest, **more):
        if max_workers is not None and max_workers > MOST_WORKERS:
            raise ValueError(f"max_workers must be <= {MOST_WORKERS}")
        real_init(self, max_workers, *rest, **more)

    concurrent.futures.ProcessPoolExecutor.__init__ = init


def compare_paths_without_case() -> None:
    def key(path):
        return [part.lower() for part in path.parts]

    pathlib.PurePosixPath.__lt__ = lambda path, other: key(path) < key(other)
    pathlib.PurePosixPath.__le__ = lambda path, other: key(path) <= key(other)
    pathlib.PurePosixPath.__gt__ = lambda path, other: key(path) > key(other)
    pathlib.PurePosixPath.__ge__ = lambda path, other: key(path) >= key(other)


if not any(os.path.basename(part) == "dvc" for part in sys.orig_argv[1:3]):
    with open(os.environ["WINDOWS_LIKE_LOG"], "a", encoding="utf-8") as log:
        log.write(" ".join(sys.orig_argv[1:]).replace("\n", " ") + "\n")
    spawn_processes()
    lock_open_files()
    compare_paths_without_case()
    write_as_windows_does()
    hide_what_windows_lacks()
