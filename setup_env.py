"""Set up this project: `.venv` with the pinned packages, and the page that `dvc plots show` fills.

`make repro` and `make test` call it. It needs the standard library alone, and starts in every Python since 3.6, to say
in one line which Python is needed.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from importlib import util
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
TORCH_INDEX = VENV / "torch-index"  # the address that PyTorch came from, for the next set-up
UNFINISHED = VENV / "unfinished"  # there while packages are installed: one that was killed is made anew
SOURCES = (ROOT / "pyproject.toml", ROOT / "constraints.txt")  # what the stamps in .venv are older or newer than

OLDEST, NEWEST = (3, 11), (3, 14)  # of Python
SUPPORTED = f"Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
THIS = f"{sys.version_info[0]}.{sys.version_info[1]}"
TASKS = ("cifar10", "tiny_imagenet", "segmentation")  # of `make repro`
# PyTorch, and what comes with one build of it and not with another.
PYTORCH = re.compile(r"(torch|torchvision|triton|nvidia-.*|cuda-.*)==")
SELECTOR = "https://pytorch.org/get-started/locally/"  # where PyTorch says which address has which build
OLDEST_DRIVERS = {11: 450, 12: 525, 13: 580}  # NVIDIA's, by the first number of the CUDA version
# What pip or venv prints, and what to do. The first that fits is told.
REASONS = (
    (r"No space left|Errno 28|WinError 112|disk quota", "the disk is full: free about 8 GB and run again"),
    (r"Long Path support|Errno 2\b.*\S{240}", "a path is too long for Windows: move this folder to a short one such as "
     r"C:\darkroom, or switch long paths on (`python -m darkroom doctor` has the command)"),
    (r"ensurepip|No module named '?venv|no module named '?pip", "this Python comes without its module venv; on Debian "
     f"and Ubuntu: sudo apt-get install python{THIS}-venv"),
    (r"externally-managed-environment", "this Python belongs to the system: leave --no-venv out"),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError", "the server's certificate is not accepted: check the clock and the proxy"),
    (r"SOCKS support", "pip takes no SOCKS proxy: give its http:// address in HTTPS_PROXY, and unset ALL_PROXY"),
    (r"ProxyError|proxy", "the proxy does not answer: check the variables HTTPS_PROXY and ALL_PROXY"),
    (r"ConnectionError|ConnectTimeout|ReadTimeout|timed out|Failed to establish|getaddrinfo|name resolution|unreachable"
     r"|refused|ConnectionReset|IncompleteRead", "the packages cannot be downloaded: check the network, or name a "
     "mirror near you: --mirror URL"),
    (r"ResolutionImpossible|conflicting dependencies", "the packages that are here do not go together with those that "
     "are needed: leave --no-venv out"),
    (r"No matching distribution found", "there is no build of that package for this Python: take a 64-bit "
     f"{SUPPORTED} from python.org"),
    (r"Permission denied|Access is denied|Errno 13", "files here may not be written: make the folder your own, or "
     "close the programs that use it"),
)  # fmt: skip


class SetupError(Exception):
    """What stops the set-up; one line that says what to do."""


class Gpu(NamedTuple):
    """What `nvidia-smi` says of the first GPU.

    Attributes:
        name: such as NVIDIA GeForce RTX 3060.
        driver: its version, such as 560.94.
        cuda: the newest CUDA version that the driver takes, such as 12.6; empty if it is not told.
    """

    name: str
    driver: str
    cuda: str


def main() -> None:
    """Do what the command line asks for. Exit codes: 0 done, 1 with one line on what to do, 130 Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # of paths that a Windows console cannot show
    parser = build_parser()
    options = parser.parse_args()
    if options.no_venv and options.torch_index:
        parser.error("--no-venv keeps the PyTorch that is there; --torch-index would replace it")
    try:
        check_python()
        set_up(options)
        if options.then == "repro":
            reproduce(options)
        elif not options.no_venv and not options.dry:
            print(f".venv is ready. `{activation(os.name == 'nt')}` makes `python` and `dvc` its own.")
    except SetupError as error:
        print(f"setup_env.py: error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("setup_env.py: stopped", file=sys.stderr)
        sys.exit(130)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description="Set up Darkroom in .venv. A second call installs nothing.")
    parser.add_argument(
        "then", nargs="?", choices=["repro"], help="afterwards train the sample's models and draw their figures"
    )
    parser.add_argument("--tests", action="store_true", help="install what the tests need too")
    parser.add_argument("--mirror", metavar="URL", help="of a package index near you, instead of pip's own")
    parser.add_argument(
        "--torch-index", metavar="URL", help=f"install PyTorch from here, for a GPU: the address that {SELECTOR} shows"
    )
    parser.add_argument(
        "--no-venv", action="store_true", help="install into this Python and keep its PyTorch, as on Colab and Kaggle"
    )
    parser.add_argument("--dry", action="store_true", help="print the commands and run none")
    return parser


def check_python() -> None:
    """Refuse a Python that the pinned packages do not exist for.

    Raises:
        SetupError: it is older or newer than those, or has 32 bits.
    """
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise SetupError(f"Darkroom needs {SUPPORTED}, and this is Python {THIS}: run setup_env.py with another one")
    if sys.maxsize < 2**32:
        raise SetupError("Darkroom needs a 64-bit Python, and this one has 32 bits: install the other from python.org")


def set_up(options: argparse.Namespace) -> None:
    """Install the packages and write the page of plots, unless that is done already.

    Raises:
        SetupError: it cannot be done.
    """
    if options.no_venv:
        install(Path(sys.executable), options)
        return
    if is_up_to_date(options.tests) and not options.torch_index and is_sound():
        return
    make_venv(options.dry)
    if options.dry:
        install(PYTHON, options)
        return
    UNFINISHED.touch()
    try:
        install(PYTHON, options)
    except SetupError:
        UNFINISHED.unlink()  # pip has ended by itself, and leaves packages that are whole
        raise
    UNFINISHED.unlink()
    for stamp in stamps(options.tests):
        stamp.touch()
    advise_gpu()


def stamps(tests: bool) -> "list[Path]":
    """Return the files that say when this was installed. The Makefile names them too."""
    return [VENV / "installed"] + ([VENV / "installed-for-tests"] if tests else [])


def is_up_to_date(tests: bool) -> bool:
    """Return whether each stamp is as new as what it depends on, as make would see it."""
    try:
        *sources, installed = (path.stat().st_mtime_ns for path in [*SOURCES, stamps(tests)[0]])
        return max(sources) <= installed <= stamps(tests)[-1].stat().st_mtime_ns
    except FileNotFoundError:
        return False


def is_sound() -> bool:
    """Return whether `.venv` has a Python of a version that is needed, with pip, and no installation was killed."""
    code = f"import pip, sys; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST})"
    try:
        tried = subprocess.run([str(PYTHON), "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return tried.returncode == 0 and not UNFINISHED.exists()


def make_venv(dry: bool) -> None:
    """Make `.venv`, also where a half-made one stands.

    Raises:
        SetupError: it cannot be made.
    """
    if is_sound():
        return
    if Path(sys.prefix).resolve() == VENV.resolve():
        raise SetupError(f"{VENV} is not whole, and this is its Python: run `deactivate`, then this again")
    if not util.find_spec("venv"):
        raise SetupError(reason_of("No module named venv"))
    command = [sys.executable, "-m", "venv", *(["--clear"] if VENV.exists() else []), ".venv"]
    if dry:
        print(shown(command))
        return
    made = subprocess.run(command, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if made.returncode != 0:
        told = made.stdout.decode(errors="replace")
        raise SetupError(reason_of(told) or f"{shown(command)} failed: {told.strip()[-300:]}")


def install(python: Path, options: argparse.Namespace) -> None:
    """Install the packages for `python` by pip, and write the page of plots.

    Raises:
        SetupError: pip fails.
    """
    index = options.torch_index or (TORCH_INDEX.read_text().strip() if TORCH_INDEX.exists() else "")
    with tempfile.TemporaryDirectory() as folder:
        constraints = SOURCES[1]
        if options.no_venv:
            constraints = constraints_without_pytorch(Path(folder), pytorch_here())
        elif index:
            pins = [line for line in constraints.read_text().split() if re.match("torch(vision)?==", line)]
            constraints = constraints_without_pytorch(Path(folder), pins)
            # Alone, because its index lacks pinned versions of the others. By force, since the version may be the same.
            pip(python, ["--no-deps", "--force-reinstall", "--index-url", index, *pins], options.dry)
            if not options.dry:
                TORCH_INDEX.write_text(index + "\n")
        more = ["--index-url", options.mirror] if options.mirror else []
        what = ".[test]" if options.tests else "."
        pip(python, [*more, "--constraint", str(constraints), "--editable", what], options.dry)
    call([str(python), "-m", "darkroom", "plots-page"], options.dry)


def pytorch_here() -> "list[str]":
    """Return the versions of PyTorch that this Python has, as pins.

    Raises:
        SetupError: one is older than what pyproject.toml asks for.
    """
    from importlib.metadata import PackageNotFoundError, version  # new in Python 3.8

    pins = []
    for package, least in re.findall(r'"(torch|torchvision)>=([\d.]+)', SOURCES[0].read_text(encoding="utf-8")):
        try:
            here = version(package)
        except PackageNotFoundError:
            continue
        if numbers(here) < numbers(least):
            raise SetupError(f"{package} {here} is here, and Darkroom needs {least} or newer: leave --no-venv out")
        pins.append(f"{package}=={here}")
    return pins


def constraints_without_pytorch(folder: Path, pins: "list[str]") -> Path:
    """Write the constraints to a file in `folder`, with `pins` instead of those of one build of PyTorch."""
    path = folder / "constraints.txt"
    others = [line for line in SOURCES[1].read_text().splitlines() if not PYTORCH.match(line)]
    path.write_text("\n".join([*others, *pins]) + "\n")
    return path


def pip(python: Path, arguments: "list[str]", dry: bool) -> None:
    """Run `pip install` and show what it prints, with its progress bars where there is a terminal.

    Raises:
        SetupError: pip fails.
    """
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    command = [str(python), "-m", "pip", "install", *quiet, "--disable-pip-version-check", *arguments]
    if dry:
        print(shown(command))
        return
    with subprocess.Popen(command, cwd=str(ROOT), stderr=subprocess.PIPE) as running:
        told = []
        for line in running.stderr or ():
            told.append(line.decode(errors="replace"))
            sys.stderr.write(told[-1])
    if running.returncode != 0:
        raise SetupError(reason_of("".join(told)) or "pip failed, as it says above; then run this again")


def reason_of(told: str) -> str:
    """Return what to do about what pip or venv printed; empty if it is not known."""
    return next((advice for pattern, advice in REASONS if re.search(pattern, told, re.IGNORECASE)), "")


def call(command: "list[str]", dry: bool) -> None:
    """Run a command in the project with the programs of its Python first, or print it.

    Raises:
        SetupError: it fails.
    """
    if dry:
        print(shown(command))
        return
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    sys.stdout.flush()
    done = subprocess.run(command, cwd=str(ROOT), env=dict(os.environ, PATH=path))
    if done.returncode != 0:
        raise SetupError(f"{shown(command)} failed, as it says above")


def reproduce(options: argparse.Namespace) -> None:
    """Run the pipeline of the sample.

    Raises:
        SetupError: it fails.
    """
    python = sys.executable if options.no_venv else str(PYTHON)
    call([python, "-m", "dvc", "repro", *(f"plot@{task}" for task in TASKS)], options.dry)


def activation(windows: bool) -> str:
    """Return the command after which `python` and `dvc` are those of `.venv`."""
    # By cmd, since PowerShell runs no scripts as it is delivered.
    return r"cmd /k .venv\Scripts\activate" if windows else "source .venv/bin/activate"


def find_gpu() -> "Gpu | None":
    """Return the first GPU that `nvidia-smi` finds. None: there is no such program, or it finds none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    told = []
    for arguments in (["--query-gpu=name,driver_version", "--format=csv,noheader"], []):
        try:
            asked = subprocess.run([program, *arguments], capture_output=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return None
        told.append(asked.stdout.decode(errors="replace") if asked.returncode == 0 else "")
    name, _, driver = (told[0].strip().splitlines() or [""])[0].rpartition(",")
    cuda = re.search(r"CUDA Version:\s*([\d.]+)", told[1])
    return Gpu(name.strip(), driver.strip(), cuda.group(1) if cuda else "") if name else None


def advise_pytorch(gpu: Gpu, cuda: str) -> str:
    """Return how to make PyTorch use the GPU. Empty: nothing hinders it.

    Args:
        gpu: what is there.
        cuda: the CUDA version that PyTorch was built for; empty: for the processor alone.
    """
    oldest = OLDEST_DRIVERS.get(numbers(cuda)[0], 0) if cuda else 0
    if cuda and numbers(gpu.driver) >= (oldest,):
        return ""
    newest = f"a CUDA version up to {gpu.cuda}" if gpu.cuda else "an older CUDA version"
    found = f"is built for CUDA {cuda}, which needs driver {oldest} or newer" if cuda else "has no CUDA"
    return (
        f"PyTorch {found}: choose Pip and {newest} on {SELECTOR}, and give the address after --index-url to: "
        "python setup_env.py --torch-index URL"
    )


def advise_gpu() -> None:
    """Print what to do where there is a GPU that the installed PyTorch cannot use."""
    gpu = find_gpu()
    if gpu is None:
        return
    code = "import torch; print(torch.version.cuda or '')"
    asked = subprocess.run([str(PYTHON), "-c", code], cwd=str(ROOT), stdout=subprocess.PIPE)
    advice = advise_pytorch(gpu, asked.stdout.decode().strip())
    if advice:
        print(f"setup_env.py: this machine has a GPU, {gpu.name} with driver {gpu.driver}. {advice}")


def numbers(version: str) -> "tuple[int, ...]":
    """Return the numbers of a version up to the first part that is none: (2, 11) for 2.11.0+cu128 without its end."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))


def shown(command: "list[str]") -> str:
    """Return a command as one would type it."""
    return " ".join(shlex.quote(word) for word in command)


if __name__ == "__main__":
    main()
