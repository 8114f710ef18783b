"""What the checks look at: the machine, its programs, and what a trial of the packages says."""

from __future__ import annotations

import json
import locale
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Mapping  # noqa: UP035 - those of collections.abc take no [] in Python 3.8

import setup_env

SECONDS = 30  # after which a program is taken to hang
SECONDS_OF_PROBE = 600  # the first import of PyTorch from a slow disk takes minutes


@dataclass(frozen=True)
class Finding:
    """A line of the table.

    Attributes:
        check: what was looked at.
        found: what is there.
        verdict: ok; note: worth knowing; fault: something will not work.
        mend: the one command, or the one thing to do, that changes it.
    """

    check: str
    found: str
    verdict: str = "ok"
    mend: str = ""


@dataclass(frozen=True)
class Probe:
    """What the trial of the packages said.

    Attributes:
        versions: of each package that pyproject.toml asks for; empty: it is not installed.
        errors: of packages that cannot be imported, one line each.
        torch: what PyTorch says of the machine.
        fonts: the names of the fonts with Chinese characters that matplotlib finds. None: it was not asked.
    """

    versions: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    torch: Mapping[str, Any] = field(default_factory=dict)
    fonts: list[str] | None = None


@dataclass(frozen=True)
class Machine:
    """What is there, before it is judged.

    Attributes:
        root: the folder of the project.
        environ: the environment variables.
        system: Linux, Darwin or Windows.
        processor: x86_64, arm64, ….
        version: of Python.
        bits: 32 or 64, of Python.
        prefix: the folder of the running Python, or of its virtual environment.
        base_prefix: the same, without the virtual environment.
        encoding: in which texts and names of files are printed.
        cores: those that this process may use, which may be a fraction in a container.
        free: bytes left on the disk of `root`.
        long_paths: whether Windows takes paths of more than 259 characters. None: it is not Windows.
        probe: what the trial of the packages said.
    """

    root: Path
    environ: Mapping[str, str]
    system: str
    processor: str
    version: tuple[int, int]
    bits: int
    prefix: Path
    base_prefix: Path
    encoding: str
    cores: float
    free: int
    long_paths: bool | None
    probe: Probe

    @property
    def hosted(self) -> str:
        """The notebook service that this runs on, or nothing."""
        if "COLAB_RELEASE_TAG" in self.environ:
            return "Colab"
        return "Kaggle" if "KAGGLE_KERNEL_RUN_TYPE" in self.environ else ""

    @property
    def set_up(self) -> str:
        """The command that sets the project up."""
        if self.hosted:
            return "python setup_env.py --no-venv"
        return "python setup_env.py" if self.system == "Windows" else "python3 setup_env.py"

    @property
    def activate(self) -> str:
        """The command after which `python` and `dvc` are those of `.venv`."""
        return setup_env.activation(self.system == "Windows")

    def unset(self, variable: str) -> str:
        """Return the command that takes an environment variable away."""
        return f"Remove-Item Env:{variable}" if self.system == "Windows" else f"unset {variable}"

    def export(self, variable: str, value: str) -> str:
        """Return the command that sets an environment variable."""
        return f"$env:{variable} = '{value}'" if self.system == "Windows" else f"export {variable}={value}"

    def by_system(self, windows: str, mac: str, linux: str) -> str:
        """Return one of three commands."""
        return {"Windows": windows, "Darwin": mac}.get(self.system, linux)

    def find(self, program: str) -> str | None:
        """Return the path of a program, or None."""
        return shutil.which(program, path=self.environ.get("PATH", os.defpath))

    def ask(self, *command: str) -> tuple[int, str]:
        """Run a program in the project; return its exit code, -1 if it does not start or hangs, and what it prints."""
        program = self.find(command[0])
        if program is None:
            return -1, ""
        try:
            done = subprocess.run(
                [program, *command[1:]],
                cwd=self.root, env=dict(self.environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=SECONDS,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return -1, str(error)
        return done.returncode, done.stdout.decode(errors="replace").strip()


def look(root: Path, environ: Mapping[str, str]) -> Machine:
    """Return what is there. It takes as long as importing all packages."""
    version = sys.version_info[:2]
    return Machine(
        root=root,
        environ=environ,
        system=platform.system(),
        processor=platform.machine().lower(),
        version=version,
        bits=64 if sys.maxsize > 2**32 else 32,
        prefix=Path(sys.prefix),
        base_prefix=Path(sys.base_prefix),
        encoding=locale.getpreferredencoding(False),
        cores=_usable_cores(),
        free=shutil.disk_usage(root).free,
        long_paths=_has_long_paths(),
        probe=run_probe(root, environ) if version >= setup_env.OLDEST else Probe(),
    )


def run_probe(root: Path, environ: Mapping[str, str]) -> Probe:
    """Import all packages in a process of its own. Where one crashes it, start again without that one."""
    errors: dict[str, str] = {}
    while True:
        probe, crash = _try_packages(root, environ, errors)
        if crash.keys() <= errors.keys():
            return replace(probe, errors={**probe.errors, **errors})
        errors.update(crash)


def _try_packages(root: Path, environ: Mapping[str, str], without: Mapping[str, str]) -> tuple[Probe, dict[str, str]]:
    """Return what the probe says, and of a package that ended it how."""
    running = [sys.executable, "-m", "darkroom.commands.doctor.probe", *without]
    try:
        done = subprocess.run(
            running,
            cwd=root, env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS_OF_PROBE,
        )  # fmt: skip
        told, end = done.stdout, f"it ends the process with exit code {done.returncode}"
    except subprocess.TimeoutExpired as error:
        told, end = error.stdout or b"", f"it takes more than {SECONDS_OF_PROBE} seconds"
    versions: dict[str, str] = {}
    errors: dict[str, str] = {}
    torch: dict[str, Any] = {}
    fonts: list[str] | None = None
    under_way = ""
    for line in told.decode(errors="replace").splitlines():
        if not line.startswith('["darkroom", '):
            continue  # packages print what they like
        _, kind, name, value = json.loads(line)
        if kind == "version":
            versions[name] = value
        elif kind == "importing":
            under_way = name
        elif kind == "imported":
            under_way = ""
            if value:
                errors[name] = value
        elif kind == "torch":
            torch[name] = value
        elif kind == "fonts":
            fonts = value
    return Probe(versions, errors, torch, fonts), {under_way: end} if under_way else {}


def _usable_cores() -> float:
    """Return how many cores this process may use: those of its affinity, or its container's quota."""
    cores: float = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else min(cores, int(quota) / int(period))


def _has_long_paths() -> bool | None:
    """Return whether Windows takes long paths. None: it is not Windows."""
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
    except OSError:
        return False
