"""setup_env.py: what it runs, and the one line with which it ends where something is wrong."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT

import setup_env

# In the place of the venv's Python: it writes down what it is called with. `pip` prints `told` and ends with `code`.
PYTHON = """#!/bin/sh
case "$*" in
*"import pip"*) exit 0;;
*"import torch"*) echo "{cuda}"; exit 0;;
esac
echo "$*" >> "{log}"
case "$*" in
*"pip install"*) printf '%s\\n' "{told}" >&2; exit {code};;
esac
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the set-up reads, in a folder with a space and Chinese characters."""
    folder = tmp_path / "a 项目"
    folder.mkdir()
    for name in ("setup_env.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder / name)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # without a GPU's program
    return folder


def plant_venv(project: Path, told: str = "", code: int = 0, cuda: str = "") -> None:
    """A venv that is whole, its Python a script."""
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(PYTHON.format(log=project / "log.txt", told=told, code=code, cuda=cuda), encoding="utf-8")
    python.chmod(0o755)


def set_up(project: Path, *arguments: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    command = [python, "setup_env.py", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, encoding="utf-8")


def calls(project: Path) -> list[str]:
    log = project / "log.txt"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The last line of what a failed set-up says."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("setup_env.py: error: ")
    return last


def test_second_call_installs_nothing(project: Path) -> None:
    plant_venv(project)
    done = set_up(project)
    assert done.returncode == 0, done.stderr
    assert ".venv is ready" in done.stdout
    pip, page = calls(project)
    assert pip.endswith(f"--constraint {project}/constraints.txt --editable .")
    assert page == "-m darkroom plots-page"
    assert set_up(project).returncode == 0
    assert calls(project) == []
    assert set_up(project, "--tests").returncode == 0
    assert calls(project)[0].endswith("--editable .[test]")
    assert set_up(project, "--tests").returncode == 0
    assert set_up(project).returncode == 0
    assert calls(project) == []
    for name in ("constraints.txt", "pyproject.toml"):
        newer = (project / ".venv" / "installed").stat().st_mtime + 1
        os.utime(project / name, (newer, newer))
        assert set_up(project).returncode == 0
        assert len(calls(project)) == 2
        stamp = (project / ".venv" / "installed").stat().st_mtime
        os.utime(project / name, (stamp - 1, stamp - 1))
    assert set_up(project, "--tests").returncode == 0
    assert len(calls(project)) == 2, "the tests' packages are older than the others"


def test_make_calls_it_and_reads_its_stamps(project: Path) -> None:
    shutil.copy(ROOT / "Makefile", project / "Makefile")
    if shutil.which("make") is None:
        pytest.skip("needs make")

    def make(target: str) -> str:
        command = ["make", "--no-print-directory", "-n", f"PYTHON={sys.executable}", target]
        return subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout

    assert f"{sys.executable} setup_env.py\n" in make("repro")
    assert f"{sys.executable} setup_env.py --tests\n" in make("test")
    plant_venv(project)
    assert set_up(project, "--tests").returncode == 0
    assert make("repro") == ".venv/bin/python setup_env.py repro\n"
    assert "setup_env.py" not in make("test")


def test_repro_runs_the_sample(project: Path) -> None:
    plant_venv(project)
    assert set_up(project, "repro").returncode == 0
    assert calls(project)[-1] == "-m dvc repro plot@cifar10 plot@tiny_imagenet plot@segmentation"


@pytest.mark.parametrize("half", ["empty", "dangling", "killed", "no pip"])
def test_half_made_venv_is_made_anew(project: Path, half: str) -> None:
    if half == "killed":
        plant_venv(project)
        (project / ".venv" / "unfinished").touch()
    else:
        (project / ".venv" / "bin").mkdir(parents=True)
        python = project / ".venv" / "bin" / "python"
        if half == "dangling":
            python.symlink_to("/nowhere/python3.11")
        elif half == "no pip":
            python.write_text("#!/bin/sh\nexit 1\n")
            python.chmod(0o755)
    first = set_up(project, "--dry").stdout.splitlines()[0]
    assert shlex.split(first) == [sys.executable, "-m", "venv", "--clear", ".venv"]


def test_venv_is_made_and_mended(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a pip that does nothing, since the real one needs the network."""
    fake = project.parent / "fake" / "pip"
    fake.mkdir(parents=True)
    (fake / "__init__.py").touch()
    (fake / "__main__.py").touch()
    (project / "darkroom").mkdir()
    (project / "darkroom" / "__main__.py").touch()
    broken = project / ".venv" / "bin" / "python"
    broken.parent.mkdir(parents=True)
    broken.symlink_to("/nowhere/python3.11")
    monkeypatch.setenv("PYTHONPATH", str(fake.parent))
    monkeypatch.setenv("PIP_DRY_RUN", "1")
    done = set_up(project)
    assert done.returncode == 0, done.stderr
    assert subprocess.run([str(broken), "-c", ""]).returncode == 0
    assert (project / ".venv" / "installed").exists()
    assert not (project / ".venv" / "unfinished").exists()


@pytest.mark.parametrize(
    ("told", "advice"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "free about 8 GB"),
        (
            "NewConnectionError: Failed to establish a new connection: Name or service not known\n"
            "ERROR: No matching distribution found for dvc",
            "--mirror URL",
        ),
        ("ERROR: No matching distribution found for torch==2.14.1", "64-bit Python 3.11 to 3.14"),
        ("ProxyError('Cannot connect to proxy.', timeout('timed out'))", "HTTPS_PROXY"),
        ("ERROR: Missing dependencies for SOCKS support.", "takes no SOCKS proxy"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "the clock"),
        ("HINT: This error might have occurred since this system does not have Windows Long Path support", "too long"),
        ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: 'x'", "your own"),
        ("error: externally-managed-environment", "leave --no-venv out"),
        ("something new", "pip failed, as it says above"),
    ],
)
def test_failure_of_pip_ends_in_one_line(project: Path, told: str, advice: str) -> None:
    plant_venv(project, told, 1)
    done = set_up(project)
    assert advice in one_line(done)
    assert told in done.stderr, "what pip says is shown"
    assert not (project / ".venv" / "installed").exists()
    assert not (project / ".venv" / "unfinished").exists(), "pip ended by itself: nothing has to be made anew"


def test_python_without_venv_is_told_the_package(project: Path, tmp_path: Path) -> None:
    """As on Debian: `-m venv` fails, and leaves a half-made folder."""
    script = "import sys; sys.modules['ensurepip'] = None; import setup_env; setup_env.main()"
    (tmp_path / "fake" / "venv").mkdir(parents=True)
    (tmp_path / "fake" / "venv" / "__init__.py").touch()
    (tmp_path / "fake" / "venv" / "__main__.py").write_text(
        "print('The virtual environment was not created successfully because ensurepip is not available.'); exit(1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path / "fake")},
    )  # fmt: skip
    assert f"sudo apt-get install python{sys.version_info[0]}.{sys.version_info[1]}-venv" in one_line(done)


@pytest.mark.parametrize("version", [(3, 10), (3, 15)])
def test_wrong_python_ends_in_one_line(version: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (*version, 0))
    with pytest.raises(setup_env.SetupError, match=r"needs Python 3\.11 to 3\.14, and this is"):
        setup_env.check_python()


def test_options_of_pip(project: Path) -> None:
    plant_venv(project)
    assert set_up(project, "--mirror", "https://mirror.example/simple").returncode == 0
    assert "--index-url https://mirror.example/simple --constraint" in calls(project)[0]
    refused = set_up(project, "--no-venv", "--torch-index", "https://builds.example")
    assert refused.returncode == 2
    assert "--torch-index would replace it" in refused.stderr


def test_pytorch_of_another_index_is_kept_at_the_next_set_up(project: Path) -> None:
    plant_venv(project)
    assert set_up(project, "--torch-index", "https://builds.example/cu126").returncode == 0
    torch, others, _ = calls(project)
    version = re.search(r"^torch==.*$", (project / "constraints.txt").read_text(), re.MULTILINE)[0]
    assert f"--no-deps --force-reinstall --index-url https://builds.example/cu126 {version} torchvision==" in torch
    assert "builds.example" not in others
    (project / "constraints.txt").touch()
    assert set_up(project).returncode == 0
    assert "--index-url https://builds.example/cu126" in calls(project)[0]


@pytest.mark.parametrize(
    ("driver", "cuda", "advice"),
    [
        ("590.10", "", "has no CUDA: choose Pip and a CUDA version up to 12.6"),
        ("560.94", "13.0", "is built for CUDA 13.0, which needs driver 580 or newer"),
        ("590.10", "13.0", None),
        ("560.94", "12.6", None),
    ],
)
def test_gpu_that_pytorch_cannot_use_is_told(
    project: Path, driver: str, cuda: str, advice: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = project.parent / "bin"
    programs.mkdir()
    (programs / "nvidia-smi").write_text(
        f'#!/bin/sh\ncase "$1" in --query*) echo "NVIDIA RTX, {driver}";; *) echo "| CUDA Version: 12.6 |";; esac\n'
    )
    (programs / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    plant_venv(project, cuda=cuda)
    done = set_up(project)
    assert done.returncode == 0
    assert ("python setup_env.py --torch-index URL" in done.stdout) == (advice is not None)
    assert advice is None or advice in done.stdout


def test_here_pytorch_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"torch": "2.12.0+cu128", "torchvision": "0.27.0+cu128"}
    monkeypatch.setattr("importlib.metadata.version", here.__getitem__)
    pins = setup_env.pytorch_here()
    assert pins == ["torch==2.12.0+cu128", "torchvision==0.27.0+cu128"]
    lines = setup_env.constraints_without_pytorch(tmp_path, pins).read_text().splitlines()
    assert lines[-2:] == pins
    assert sum(line.startswith("torch==") for line in lines) == 1
    assert not any(line.startswith(("nvidia-", "triton", "cuda-")) for line in lines)
    assert "numpy" in {line.partition("==")[0] for line in lines}
    here["torch"] = "2.6.0"
    with pytest.raises(setup_env.SetupError, match=r"torch 2\.6\.0 is here, and Darkroom needs 2\.\d+ or newer"):
        setup_env.pytorch_here()


def test_starts_in_old_pythons() -> None:
    """The grammar of Python 3.7, the oldest that can be asked for; what it cannot do is told in one line."""
    ast.parse((ROOT / "setup_env.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_versions_of_python_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={setup_env.OLDEST[0]}.{setup_env.OLDEST[1]}"
    assert setup_env.SUPPORTED in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_names_no_package_index() -> None:
    text = (ROOT / "setup_env.py").read_text(encoding="utf-8")
    assert re.findall(r"https?://[^\"\s]+", text) == [setup_env.SELECTOR]
