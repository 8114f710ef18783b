"""`python -m darkroom doctor`: each planted fault is named, with the command that mends it."""

import ast
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from conftest import ROOT, git

from darkroom.commands.doctor.machine import Finding, Machine, Probe, run_probe
from darkroom.commands.doctor.network_checks import check_servers, published_files
from darkroom.commands.doctor.table import examine, report

GPU = "NVIDIA GeForce RTX 3060, {driver}, {memory}, {capability}"
TORCH = {
    "version": "2.14.1", "cuda": "13.0", "hip": "", "available": False, "architectures": ["sm_75", "sm_86",
    "compute_120"],
    "mps_built": False, "mps": False, "threads": 4, "features": ["avx2", "avx512_bf16"], "training": "cpu in bf16",
}  # fmt: skip
USED = TORCH | {"available": True, "training": "cuda in fp16"}
Plant = Callable[[Machine], Machine]


def program(machine: Machine, name: str, script: str) -> None:
    """Put a program first on the machine's PATH."""
    path = Path(machine.environ["PATH"].split(os.pathsep)[0]) / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def nvidia_smi(machine: Machine, driver: str = "590.10", memory: str = "12288", capability: str = "8.6") -> None:
    line = GPU.format(driver=driver, memory=memory, capability=capability)
    program(machine, "nvidia-smi", f'case "$1" in --query*) echo "{line}";; *) echo "CUDA Version: 12.6 ";; esac')


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which nothing is wrong, its folder a repository with a name that is not ASCII."""
    root, programs, home = tmp_path / "项目 a", tmp_path / "bin", tmp_path / "home"
    for folder in (root / ".dvc" / "cache", root / ".venv" / "bin", programs, home):
        folder.mkdir(parents=True)
    for name in ("constraints.txt", ".gitattributes", ".dvc/config"):
        shutil.copy(ROOT / name, root / name)
    (root / ".venv" / "pyvenv.cfg").touch()
    git(root, "init", "-q")
    git(root, "add", "constraints.txt", ".gitattributes")
    git(root, "commit", "-qm", "start")
    (home / ".gitconfig").write_text("[user]\n\tname = tester\n\temail = tester@example.invalid\n")
    (programs / "git").symlink_to(shutil.which("git"))
    made = Machine(
        root=root,
        environ={"PATH": str(programs), "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"},
        system="Linux",
        processor="x86_64",
        version=(3, 12),
        bits=64,
        prefix=root / ".venv",
        base_prefix=Path("/usr"),
        encoding="UTF-8",
        cores=4,
        free=10**12,
        long_paths=None,
        probe=Probe({"numpy": "2.4.6", "torch": "2.14.1"}, {}, TORCH, ["DejaVu Sans", "WenQuanYi Zen Hei"]),
    )
    program(made, "python", f"echo '{made.prefix}'")
    program(made, "dvc", "echo 3.67.1")
    return made


def environment(**variables: str) -> Plant:
    return lambda machine: replace(machine, environ={**machine.environ, **variables})


def probe(**changes: object) -> Plant:
    return lambda machine: replace(machine, probe=replace(machine.probe, **changes))


def torch(**changes: object) -> Plant:
    return probe(torch=TORCH | changes)


def with_program(name: str, script: str, plant: Plant = lambda machine: machine) -> Plant:
    def planted(machine: Machine) -> Machine:
        program(machine, name, script)
        return plant(machine)

    return planted


def with_gpu(plant: Plant, **gpu: str) -> Plant:
    def planted(machine: Machine) -> Machine:
        nvidia_smi(machine, **gpu)
        return plant(machine)

    return planted


def without(path: str) -> Plant:
    """Delete a file or folder, named from the project's folder."""

    def planted(machine: Machine) -> Machine:
        target = machine.root / path
        shutil.rmtree(target) if target.is_dir() and not target.is_symlink() else target.unlink()
        return machine

    return planted


def write(path: str, text: str) -> Plant:
    def planted(machine: Machine) -> Machine:
        (machine.root / path).write_bytes(text.encode())
        return machine

    return planted


def system_python(machine: Machine) -> Machine:
    program(machine, "python", "echo /usr")
    return replace(machine, prefix=Path("/usr"))


def no_venv(machine: Machine) -> Machine:
    shutil.rmtree(machine.root / ".venv")
    return system_python(machine)


def on_mac(plant: Plant) -> Plant:
    return lambda machine: plant(replace(machine, system="Darwin", processor="arm64"))


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def local_proxy(machine: Machine) -> Machine:
    return environment(HTTPS_PROXY=f"http://127.0.0.1:{closed_port()}")(machine)


def deep(machine: Machine) -> Machine:
    (machine.root.parent / ("d" * 120)).mkdir()
    return replace(machine, long_paths=False, root=machine.root.parent / ("d" * 120) / ".." / machine.root.name)


# Each: what is planted, the verdict, what the finding says, the command that mends it.
FAULTS: dict[str, tuple[Plant, str, str, str]] = {
    "old Python": (
        lambda machine: replace(machine, version=(3, 9)), "fault", "3.9, 64 bits.*3.11 to 3.14",
        "apt-get install python3.13",
    ),
    "new Python on Windows": (
        lambda machine: replace(machine, version=(3, 15), system="Windows"), "fault", "3.15", "winget install Python",
    ),
    "Python of 32 bits": (lambda machine: replace(machine, bits=32), "fault", "32 bits", "apt-get install python3"),
    "Python for Intel on Apple": (
        with_program("sysctl", "echo 1", on_mac(torch(mps_built=True, mps=True))), "fault", "for Intel",
        "brew install python",
    ),
    "no venv": (no_venv, "fault", "no .venv", "python3 setup_env.py"),
    "venv not active": (system_python, "fault", "not active", "source .venv/bin/activate"),
    "another python on PATH": (
        with_program("python", "echo /opt/conda"), "fault", "`python` of PATH", "source .venv/bin/activate",
    ),
    "no python on PATH": (
        without("../bin/python"), "fault", "`python` of PATH.*not there", "source .venv/bin/activate",
    ),
    "missing package": (
        probe(versions={"numpy": "2.4.6", "pandas": ""}), "fault", "missing: pandas", "python3 setup_env.py",
    ),
    "other version": (probe(versions={"numpy": "2.2.0"}), "note", "numpy 2.2.0", "python3 setup_env.py"),
    "broken package": (
        probe(errors={"pandas": "ImportError: DLL load failed"}), "fault",
        "pandas cannot be imported: ImportError: DLL",
        "pip install --force-reinstall --no-deps pandas==3.1.1",
    ),
    "GPU, and PyTorch for the processor": (
        with_gpu(torch(version="2.14.1+cpu", cuda="")), "fault", "has no CUDA; driver 590",
        "up to 12.6.*python setup_env.py --torch-index URL",
    ),
    "old driver": (
        with_gpu(torch(), driver="560.94"), "fault", "built for CUDA 13.0, which needs driver 580.*560.94",
        "--torch-index URL",
    ),
    "old GPU": (
        with_gpu(probe(torch=USED), capability="6.1"), "fault", "no code for compute capability 6.1",
        "--torch-index URL",
    ),
    "driver and its library differ": (
        with_program("nvidia-smi", "echo Driver/library version mismatch; exit 18"), "fault", "version mismatch",
        "reboot",
    ),
    "hidden GPU": (
        with_gpu(lambda machine: environment(CUDA_VISIBLE_DEVICES="")(machine)), "fault", "CUDA_VISIBLE_DEVICES= hides",
        "unset CUDA_VISIBLE_DEVICES",
    ),
    "GPU that PyTorch does not find": (with_gpu(torch()), "fault", "does not find the NVIDIA", "reboot"),
    "GPU with little memory": (with_gpu(probe(torch=USED), memory="2048"), "note", "2048 MiB", "train.batch_size=125"),
    "MPS on an old macOS": (on_mac(torch(mps_built=True)), "fault", "macOS is too old", "softwareupdate"),
    "wrong number of threads": (
        environment(OMP_NUM_THREADS="four"), "fault", "OMP_NUM_THREADS=four", "unset OMP_NUM_THREADS",
    ),
    "more threads than a container's cores": (
        lambda machine: replace(machine, cores=1.5), "fault", "1.5 cores, 4 threads", "export OMP_NUM_THREADS=1",
    ),
    "one thread": (
        lambda machine: environment(OMP_NUM_THREADS="1")(torch(threads=1)(machine)), "note", "since OMP_NUM_THREADS=1",
        "unset OMP_NUM_THREADS",
    ),
    "no AVX2": (torch(features=["avx"]), "note", "no AVX2", "dvc repro --force"),
    "full disk": (lambda machine: replace(machine, free=10**8), "fault", "0.1 GB free", "dvc gc"),
    "nearly full disk": (lambda machine: replace(machine, free=5 * 10**9), "note", "5.0 GB free", "dvc gc"),
    "long paths off": (deep, "fault", "259 characters", "LongPathsEnabled"),
    "path that the console cannot print": (
        lambda machine: replace(machine, encoding="cp1252", system="Windows"), "fault", "cp1252 lacks",
        "setx PYTHONUTF8 1",
    ),
    "no font for Chinese": (probe(fonts=[]), "note", "none", "fonts-noto-cjk"),
    "no git": (without("../bin/git"), "fault", "is not installed", "apt-get install git"),
    "no repository": (without(".git"), "fault", "is no repository", "git init"),
    "repository of another user": (
        environment(GIT_TEST_ASSUME_DIFFERENT_OWNER="1"), "fault", "belongs to another user", "safe.directory",
    ),
    "no name in git": (
        write("../home/.gitconfig", "[user]\n\temail = a@b.invalid\n"), "fault", "user.name is not set", "user.name",
    ),
    "autocrlf": (
        write("../home/.gitconfig", "[user]\n\tname = a\n\temail = a@b.invalid\n[core]\n\tautocrlf = true\n"), "note",
        "autocrlf=true", "git config core.autocrlf input",
    ),
    "CRLF": (
        write("constraints.txt", "numpy==2.4.6\r\ntorch==2.14.1\r\n"), "fault", "CRLF in constraints",
        "git reset --hard",
    ),
    "no dvc": (without("../bin/dvc"), "fault", "is not on PATH", "python3 setup_env.py"),
    "dvc outside of PATH": (
        lambda machine: without("../bin/dvc")(write(".venv/bin/dvc", "")(machine)), "fault", "is not on PATH",
        "activate",
    ),
    "broken dvc": (
        with_program("dvc", "echo ImportError: no pygit2; exit 1"), "fault", "ImportError: no pygit2",
        "pip install .*dvc",
    ),
    "cache that copies": (
        write(".dvc/config.local", "[cache]\n    type = copy\n"), "note", "twice", "cache.type hardlink",
    ),
    "cache that cannot be written": (
        write(".dvc/config.local", "[cache]\n    dir = /proc/darkroom\n"), "fault", "/proc/darkroom cannot be written",
        "--unset cache.dir",
    ),
    "malformed proxy": (
        environment(http_proxy="http//127.0.0.1:7890"), "fault", "no address of a proxy", "export http_proxy",
    ),
    "proxy with a wrong port": (
        environment(HTTPS_PROXY="http://proxy:port"), "fault", "no address of a proxy", "export",
    ),
    "proxy that does not answer": (local_proxy, "fault", "nothing answers", "unset HTTPS_PROXY"),
    "SOCKS": (
        environment(ALL_PROXY="socks5://me:secret@127.0.0.1:7890"), "fault",
        "ALL_PROXY=socks5://127.0.0.1:7890.*PySocks",
        "export ALL_PROXY=http://127.0.0.1:7890",
    ),
}  # fmt: skip


def not_ok(machine: Machine) -> list[Finding]:
    return [finding for finding in examine(machine) if finding.verdict != "ok"]


def test_nothing_is_wrong_where_nothing_is(machine: Machine) -> None:
    assert not_ok(machine) == []
    assert report(examine(machine)).endswith("\n\nNothing is wrong.")


@pytest.mark.parametrize("name", FAULTS)
def test_planted_fault_is_named_with_what_mends_it(machine: Machine, name: str) -> None:
    plant, verdict, found, mend = FAULTS[name]
    planted = plant(machine)
    [finding] = not_ok(planted)
    assert finding.verdict == verdict, finding
    assert re.search(found, finding.found), finding
    assert re.search(mend, finding.mend), finding
    told = report([finding])
    assert finding.mend in told
    assert ("To be mended" in told) == (verdict == "fault")


def test_gpu_that_works_is_no_fault(machine: Machine) -> None:
    nvidia_smi(machine)
    assert not_ok(replace(machine, probe=replace(machine.probe, torch=USED))) == []


def test_driver_that_does_not_tell_the_compute_capability(machine: Machine) -> None:
    program(
        machine,
        "nvidia-smi",
        'case "$1" in *compute_cap*) echo "Field compute_cap is not a valid field to query."; exit 2;;'
        ' --query*) echo "Tesla K80, 450.10, 11441";; *) echo "CUDA Version: 11.0";; esac',
    )
    [finding] = not_ok(machine)
    assert "driver 450.10" in finding.found
    assert "up to 11.0" in finding.mend


def test_folder_that_cannot_be_written(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)  # as root, the tests could write everywhere
    [finding] = not_ok(machine)
    assert "Permission denied" in finding.found
    assert finding.mend == 'sudo chown -R "$USER" .'


def test_mended_line_ends_are_no_fault(machine: Machine) -> None:
    FAULTS["CRLF"][0](machine)
    git(machine.root, "commit", "-qam", "mine")
    [finding] = not_ok(machine)
    subprocess.run(finding.mend, cwd=machine.root, shell=True, check=True, capture_output=True)
    assert not_ok(machine) == []


def test_check_that_fails_hides_no_other(machine: Machine) -> None:
    shutil.rmtree(machine.root)
    found = not_ok(machine)
    assert any("cannot be looked at" in finding.found for finding in found)
    assert [finding.check for finding in examine(machine)][-1] == "proxy"


def test_colab_needs_no_venv(machine: Machine) -> None:
    colab = environment(COLAB_RELEASE_TAG="release")(no_venv(machine))
    assert not_ok(colab) == []
    [finding] = not_ok(probe(versions={"dvc": ""})(colab))
    assert finding.mend == "python setup_env.py --no-venv"


class Answers(BaseHTTPRequestHandler):
    """A server that has /there and refuses to tell about /shy."""

    def do_HEAD(self) -> None:
        self.send_response({"/there": 200, "/shy": 403}.get(self.path, 404))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_servers_of_data_sets(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here, dead = f"http://127.0.0.1:{server.server_port}", f"http://127.0.0.1:{closed_port()}"
    found = check_servers(
        machine,
        {
            "good": [(f"{here}/there",), (f"{here}/shy",)],
            "mirrored": [(f"{dead}/a.zip", f"{here}/there")],
            "lost": [(f"{here}/there",), (f"{here}/gone.zip", f"{dead}/gone.zip")],
            "drawn": [],
        },
    )
    server.shutdown()
    server.server_close()
    assert [one.verdict for one in found] == ["ok", "note", "fault"]
    assert "another mirror does" in found[1].found
    assert re.search("lost: no address of 1 of 2 files answers: 404", found[2].found)
    assert "archive=PATH  # of gone.zip" in found[2].mend


def test_addresses_are_those_of_the_data_sets() -> None:
    files = published_files()
    assert files["spirals"] == []
    assert all(address.startswith("http") for file in files["cifar10"] for address in file)


@pytest.fixture
def broken(tmp_path: Path) -> dict[str, str]:
    """Variables of an environment whose packages are missing, broken, or crash when they are imported."""
    fakes, programs = tmp_path / "fake packages", tmp_path / "bin"
    programs.mkdir()
    bodies = {
        "pydantic": "raise ModuleNotFoundError('no pydantic')",
        "yaml": "raise ImportError('no yaml')",
        "pandas": "raise ImportError('numpy.core.multiarray failed\\nto import 数据')",
        "vl_convert": "import os; os._exit(7)",
        "matplotlib": "raise ImportError('no matplotlib')",
        "torch": (
            "__version__ = '2.14.1+cpu'\nclass version: cuda = None; hip = None\n"
            "def get_num_threads(): return 1\n"
        ),
    }  # fmt: skip
    for name, body in bodies.items():
        (fakes / name).mkdir(parents=True)
        (fakes / name / "__init__.py").write_text(body, encoding="utf-8")
    smi = programs / "nvidia-smi"
    line = GPU.format(driver="560.94", memory="12288", capability="8.6")
    smi.write_text(f'#!/bin/sh\ncase "$1" in --query*) echo "{line}";; *) echo "| CUDA Version: 12.6 |";; esac\n')
    smi.chmod(0o755)
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    # ASCII stands for a Windows console, which has no Chinese characters.
    return {**os.environ, "PYTHONPATH": str(fakes), "PATH": path, "PYTHONIOENCODING": "ascii"}


def test_runs_where_packages_are_broken(broken: dict[str, str]) -> None:
    command = [sys.executable, "-m", "darkroom", "doctor"]
    told = subprocess.run(command, cwd=ROOT, env=broken, capture_output=True, text=True)
    assert told.returncode == 1, told.stderr
    assert told.stderr == ""
    listed = subprocess.run([*command, "--json"], cwd=ROOT, env=broken, capture_output=True, text=True)
    content = json.loads(listed.stdout)
    faults = {finding["found"]: finding["mend"] for finding in content["findings"] if finding["verdict"] == "fault"}
    assert content["faults"] == len(faults)
    for start, mend in {
        "pydantic cannot be imported: ModuleNotFoundError: no pydantic": "pydantic==",
        "pyyaml cannot be imported: ImportError: no yaml": "PyYAML==",
        "pandas cannot be imported: ImportError: numpy.core.multiarray failed to import 数据": "pandas==",
        "vl-convert-python cannot be imported: it ends the process with exit code 7": "vl-convert-python==",
        "2.14.1+cpu: PyTorch has no CUDA; driver 560.94": "python setup_env.py --torch-index URL",
    }.items():
        [found] = [text for text in faults if text.startswith(start)]
        assert mend in faults[found]
        shown = found.encode("ascii", "backslashreplace").decode()
        assert f"{shown}\n      {faults[found]}" in told.stdout


def test_probe_tries_all_packages_here() -> None:
    tried = run_probe(ROOT, os.environ)
    assert tried.errors == {}
    assert all(tried.versions.values())
    assert {"torch", "pyyaml", "opencv-python-headless"} <= tried.versions.keys()
    assert {"version", "cuda", "threads", "features", "training"} <= tried.torch.keys()
    assert tried.fonts is not None


def test_needs_the_standard_library_alone() -> None:
    files = [*(ROOT / "darkroom" / "commands" / "doctor").glob("*.py"), ROOT / "darkroom" / "__main__.py"]
    assert len(files) > 5
    for path in files:
        if path.name == "probe.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
        for node in tree.body:
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                known = module.split(".")[0] in sys.stdlib_module_names or module == "setup_env"
                assert known or module.startswith("darkroom.commands.doctor"), f"{path} imports {module}"
