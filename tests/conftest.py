"""Small archives and projects that the tests make themselves."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import settings
from PIL import Image

import darkroom  # noqa: F401 - sets what libraries read from the environment, before a test imports them

# A pytest-xdist worker runs on each core, so a test computes with one thread, and a thread that waits sleeps: with
# PyTorch's default it spins, which makes two threads on a busy core up to ten times slower. PyTorch reads these
# variables when it is imported. Processes whose bits are pinned set their number of threads themselves.
os.environ.update(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")
settings.register_profile("same", derandomize=True)  # the same examples at every run: what lands does not hang on luck
settings.load_profile("same")
ROOT = Path(__file__).resolve().parent.parent

if os.name == "nt" and not sys.flags.utf8_mode:
    pytest.exit("the tests read and write text as UTF-8: set PYTHONUTF8=1", returncode=2)

CLASSES = ["cat", "dog"]
posix = pytest.mark.skipif(os.name != "posix", reason="needs the shell or the signals of Linux and macOS")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the file that takes longest, beside which another worker runs the others."""
    items.sort(key=lambda item: item.path.name != "test_pipeline.py")


def png_bytes(array: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG", **options)
    return buffer.getvalue()


def jpeg_bytes(array: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_zip(path: Path, files: dict[str, bytes | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w:gz", links: dict[str, str] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return path


def cifar_files(per_class: int = 20, test_per_class: int = 5) -> dict[str, bytes]:
    """A two-class archive in CIFAR-10's layout, every pixel drawn at random."""
    draw = np.random.default_rng(0)

    def batch(count: int) -> bytes:
        labels = np.repeat(np.arange(len(CLASSES)), count)
        return b"".join(bytes([label]) + draw.bytes(3072) for label in labels)

    return {
        "cifar-10-batches-bin/batches.meta.txt": ("\n".join(CLASSES) + "\n\n").encode(),
        "cifar-10-batches-bin/data_batch_1.bin": batch(per_class),
        "cifar-10-batches-bin/test_batch.bin": batch(test_per_class),
    }


def tiny_files(per_class: int = 10, test_per_class: int = 2, side: int = 16) -> dict[str, bytes]:
    """A two-class archive in Tiny ImageNet's layout; the second class stands first in wnids.txt."""
    root, wnids = "tiny-imagenet-200", ["n00000002", "n00000001"]
    files = {
        f"{root}/wnids.txt": "\n".join(wnids).encode(),
        f"{root}/words.txt": b"n00000001\tcat, true cat\nn00000002\tdog\nn00000003\tox\n",
    }
    for number in range(per_class * 2):
        wnid = wnids[number % 2]
        files[f"{root}/train/{wnid}/images/{wnid}_{number}.JPEG"] = jpeg_bytes(noise(side, side, number))
    lines = []
    for number in range(test_per_class * 2):
        files[f"{root}/val/images/val_{number}.JPEG"] = jpeg_bytes(noise(side, side, 100 + number))
        lines.append(f"val_{number}.JPEG\t{wnids[number % 2]}\t0\t0\t1\t1\n")
    return files | {f"{root}/val/val_annotations.txt": "".join(lines).encode()}


def labelme(image: str, shapes: list[dict], width: int, height: int, **more) -> str:
    content = {"version": "5.4.1", "shapes": shapes, "imagePath": image, "imageData": None}
    return json.dumps({**content, "imageHeight": height, "imageWidth": width, **more})


def shape(label: str, points: list, kind: str = "polygon", **more) -> dict:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}, **more}


def scene_files(count: int = 20, width: int = 40, height: int = 36) -> dict[str, bytes | str]:
    """Images with a rectangle each, of one of two classes, in LabelMe's format."""
    files: dict[str, bytes | str] = {}
    for number in range(count):
        pixels = noise(height, width, number)
        pixels[5:20, 5:25] = (255, 0, 0) if number % 2 else (0, 0, 255)
        files[f"scenes/s{number}.jpg"] = jpeg_bytes(pixels, quality=95)
        corners = [[5, 5], [24, 19]]
        shapes = [shape(CLASSES[number % 2], corners, "rectangle")]
        files[f"scenes/s{number}.json"] = labelme(f"s{number}.jpg", shapes, width, height)
    return files


def copy_project(folder: Path) -> Path:
    """A clone of the project as it stands in the working tree, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "a clone"]):
        git(folder, *arguments)
    return folder


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=tester", "-c", "user.email=tester@example.invalid"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a project with this environment's programs first, and no terminal."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True)


def make_tiny(project: Path, tasks: Iterable[str]) -> None:
    """Commit settings of `tasks` alone that run in a minute: few epochs, narrow networks."""
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["train"]["epochs"] = 1
    params["tasks"] = {name: params["tasks"][name] for name in tasks}
    for task in params["tasks"].values():
        task["train"].pop("epochs", None)
        if task["model"]["name"] == "fast_cnn":
            task["model"]["widths"] = [8, 16, 16]
        if task["prepare"] == "convert_masks":
            task["augment"]["crop"] = 64
            task["train"]["batch_size"] = 16
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    git(project, "commit", "-qam", "tiny settings")


def succeed(folder: Path, *command: str) -> str:
    """Run a command in a project and return what it prints; it must end with exit code 0."""
    result = run(folder, *command)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def stage(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one stage's script in a project."""
    return run(folder, sys.executable, "-m", *arguments)


def assert_one_line(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    """The stage ended with exit code 1 and one line that holds all of `parts`."""
    assert result.returncode == 1, result.stdout + result.stderr
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, result.stderr
    for part in parts:
        assert part in lines[0], lines[0]


@pytest.fixture(autouse=True)
def work_in_a_thread(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `darkroom.common.parallel` use a thread, because starting its processes takes a second.

    Tests of the processes themselves are marked with `processes`. Stages that tests start use processes as ever.
    """
    if request.node.get_closest_marker("processes") is None:
        monkeypatch.setattr(
            "darkroom.common.parallel.ProcessPoolExecutor", lambda count, context, **rest: ThreadPoolExecutor(1, **rest)
        )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, its name holding a space."""
    path = tmp_path / "a folder"
    path.mkdir()
    monkeypatch.chdir(path)
    return path
