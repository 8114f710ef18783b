"""Everything runs on Windows and macOS too, as far as Linux can tell: `windows_like/sitecustomize.py` says how far."""

import ast
import errno
import io
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import (
    CLASSES, ROOT, cifar_files, copy_project, jpeg_bytes, make_tiny, noise, png_bytes, run, scene_files, write_tar, write_zip,
)  # fmt: skip

from darkroom.archives.member import Member
from darkroom.common import platform
from darkroom.common.environment import PYTORCH
from darkroom.common.errors import UserError, run_command
from darkroom.common.files import in_order, remove, replacing
from darkroom.sources.download import fetch_file

LIKE_WINDOWS = ROOT / "tests" / "windows_like"
SOURCES = [path for folder in ("darkroom", "stages") for path in sorted((ROOT / folder).rglob("*.py"))]
linux = pytest.mark.skipif(sys.platform != "linux", reason="Windows is emulated on Linux")

TRAIN = {
    "epochs": 1, "batch_size": 8, "optimizer": "adamw", "lr": 0.01, "weight_decay": 0.01, "warmup_epochs": 0.5,
    "loss": {"cross_entropy": 1.0}, "label_smoothing": 0.1, "bits": "machine", "precision": "fp32", "keep": "best",
    "workers": 1,
}  # fmt: skip
NETWORK = {"name": "fast_cnn", "widths": [8, 8, 8]}
AUGMENT = {"flip": "random", "crop": 2, "cutout": 4}
TASKS = {
    "classes": {
        "prepare": "split_cifar10", "archive": "classes.tar.gz", "validation": 0.25, "model": NETWORK,
        "augment": AUGMENT, "train": {}, "evaluate": {"tta": "none"},
    },
    "photos": {
        "prepare": "pack_image_folder", "archive": "照片.zip", "validation": 0.2, "test": 0.2, "image_size": 16,
        "model": NETWORK, "augment": AUGMENT, "train": {}, "evaluate": {"tta": "none"},
    },
    "scenes": {
        "prepare": "convert_masks", "archive": "scenes.zip", "validation": 0.2, "test": 0.2,
        "annotations": {"skip_bad": True}, "model": {"name": "unet", "encoder_depth": 3},
        "augment": {"crop": 32, "transforms": [{"HorizontalFlip": {"p": 0.5}}]}, "train": {"batch_size": 4},
    },
    "curve": {
        "prepare": "split_curve", "dataset": "curve", "validation": 0.2, "test": 0.3,
        "model": {"name": "mlp", "widths": [8]}, "train": {"batch_size": 100, "loss": {"squared_error": 1.0}},
    },
}  # fmt: skip
COMMANDS = [
    ("stages.configure",),
    *((stage.format(prepare=task["prepare"]), name) for name, task in TASKS.items()
      for stage in ("stages.fetch", "stages.{prepare}", "stages.train", "stages.evaluate", "stages.plot")),
    ("darkroom", "masks", "scenes.zip", "masks", "--skip-bad"),
    ("darkroom", "predict", "--task", "scenes", "some images", "--out", "predicted"),
    ("darkroom", "predict", "--task", "photos", "some images/*.png"),
    ("darkroom", "compare", "workspace", "workspace", "--task", "classes", "--out", "changes"),
    ("darkroom", "ensemble", "workspace", "workspace", "--task", "photos", "--out", "together"),
    ("darkroom", "plots-page"),
]  # fmt: skip
# Stages again, over what they wrote before and what DVC linked read-only.
AGAIN = [("stages.split_cifar10", "classes"), ("stages.train", "classes"), ("stages.plot", "classes")]


def make_project(folder: Path) -> Path:
    """Archives and parameters of tiny tasks. Names that Linux and Windows sort differently are among the images."""
    project = folder / "一个 项目"
    write_tar(project / "classes.tar.gz", cifar_files())
    photos = {f"{name}/{'aB'[n % 2]}{n}.jpg": jpeg_bytes(noise(20, 24, n)) for name in ("猫", "狗") for n in range(10)}
    write_zip(project / "照片.zip", photos)
    write_zip(project / "scenes.zip", scene_files(20) | {"scenes/bad.jpg": b"no image", "scenes/bad.json": "{"})
    for name in ("b", "A", "ü"):
        picture = project / "some images" / f"{name}.png"
        picture.parent.mkdir(exist_ok=True)
        picture.write_bytes(png_bytes(noise(40, 36, len(name))))
    params = {"seed": 0, "source": "sample", "launcher": "python", "train": TRAIN, "tasks": TASKS}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    return project


def run_modules(project: Path, commands: list[tuple[str, ...]], **environment: str) -> str:
    """Run modules as `python -m` does, one after the other in one process, which imports libraries once."""
    program = f"""if True:
        import runpy, sys
        for module, *arguments in {commands}:
            sys.argv = [module, *arguments]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, env=os.environ | PYTORCH | environment, capture_output=True
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    return done.stdout.decode(environment.get("PYTHONIOENCODING", "utf-8"))


def windows_like(log: Path) -> dict[str, str]:
    """The environment of processes that are refused what Windows refuses; what reaches them is in `log`."""
    return {
        "PYTHONPATH": os.pathsep.join([str(LIKE_WINDOWS), str(ROOT)]), "WINDOWS_LIKE_LOG": str(log),
        "PYTHONIOENCODING": "cp1252",
    }  # fmt: skip


def contents(project: Path) -> dict[str, bytes]:
    """What the stages and commands wrote, by path, but for what differs between equal runs."""
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and path.name != "costs.json"
    }


@linux
def test_all_stages_and_commands_give_the_same_bytes_on_what_is_like_windows(tmp_path: Path) -> None:
    plain, other, log = make_project(tmp_path / "linux"), make_project(tmp_path / "windows"), tmp_path / "log"
    run_modules(plain, COMMANDS, PYTHONPATH=str(ROOT))
    printed = run_modules(other, COMMANDS, **windows_like(log))
    assert r"\u732b" in printed, "a class name that the encoding of the output lacks"
    expected, found = contents(plain), contents(other)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    for name in (
        "models/scenes/model.safetensors",
        "metrics/curve/test.json",
        "reports/photos.html",
        "masks/masks/s1.png",
    ):
        assert name in found
    assert any("spawn_main" in line for line in log.read_text().splitlines()), "it reaches worker processes"

    for path in (other / "data/prepared/classes").iterdir():
        path.chmod(0o444)
    (other / "models/classes/model.safetensors").chmod(0o444)
    run_modules(other, AGAIN, **windows_like(log))
    assert contents(other) == found


@linux
@pytest.mark.slow
def test_dvc_runs_a_task_on_what_is_like_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = copy_project(tmp_path / "a project")
    make_tiny(project, ["curve"])
    for name, value in windows_like(tmp_path / "log").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(LIKE_WINDOWS))
    done = run(project, "dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    reached = (tmp_path / "log").read_text()
    for stage in ("configure", "fetch curve", "split_curve curve", "train curve", "evaluate curve", "plot curve"):
        assert f"-m stages.{stage}\n" in reached
