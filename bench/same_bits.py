"""Check that processors of different kinds give the same bytes, from the drawn sample to the report.

    python -m bench.same_bits [TASK …]

Runs all stages of the tasks (default: all of params.yaml) with a small sample and few epochs: on this processor, on one
of its cores, and on each of `PROCESSORS`, emulated by qemu-x86_64 from Debian's package qemu-user. Prints each file
whose bytes differ and exits with code 1 if there is one. Each processor takes a quarter of an hour.
"""

import hashlib
import multiprocessing
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import yaml

from darkroom.common.files import write_text

ROOT = Path(__file__).resolve().parent.parent
PROCESSORS = ("Haswell", "EPYC")  # Intel's first with AVX2, and the first of AMD that the emulator has
STAGES = ("fetch", "{prepare}", "train", "evaluate", "audit", "plot")
OUTPUTS = ("data", "models", "metrics", "plots", "reports")
SMALL_SAMPLE = {  # constants of the modules of darkroom.sources.datasets: a hundredth of what the pipeline draws
    "cifar10": {"TEST_IMAGES": 20},
    "tiny_imagenet": {"TRAIN_IMAGES": 10, "VAL_IMAGES": 1},
    "oxford_pets": {"SCENES": 24},
    "mnist": {"TRAIN_IMAGES": 200, "TEST_IMAGES": 50},
}


def main(tasks: list[str]) -> None:
    """Run the stages on each processor, compare the files and print the differences."""
    if not hasattr(os, "sched_setaffinity"):
        sys.exit("bench.same_bits keeps processes on one core, which only Linux can: run it there, or in WSL")
    emulator = shutil.which("qemu-x86_64")
    prefixes: dict[str, list[str]] = {"this processor": [], "one core of it": []}
    if emulator is None:
        print("qemu-x86_64 is not installed (Debian: qemu-user), so no other processors are emulated")
    else:
        prefixes |= {f"{name}, emulated": [emulator, "-cpu", name] for name in PROCESSORS}
    first: dict[str, str] = {}
    differ = False
    for processor, prefix in prefixes.items():
        started = time.monotonic()
        hashes = _hashes(prefix, processor.startswith("one core"), tasks)
        first = first or hashes
        different = sorted(name for name in first.keys() | hashes.keys() if first.get(name) != hashes.get(name))
        differ = differ or bool(different)
        outcome = f"{len(different)} of {len(first)} files differ" if different else f"the same {len(first)} files"
        print(f"{processor}: {outcome}, {time.monotonic() - started:.0f} s", *different, sep="\n  ", flush=True)
    sys.exit(differ)


def _hashes(prefix: list[str], one_core: bool, tasks: list[str]) -> dict[str, str]:
    """Run the stages in a new project and return the SHA-256 of each file that they write.

    Args:
        prefix: the command of the emulator, before that of Python.
        one_core: keep all processes on one core.
        tasks: names of tasks; empty: all.
    """
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, "python")  # the stages start processes with it
        write_text(python, f'#!/bin/sh\nexec {" ".join(prefix)} "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        project = Path(folder, "project")
        project.mkdir()
        limit_cores = (lambda: os.sched_setaffinity(0, {0})) if one_core else None
        done = subprocess.run(
            [python, "-m", "bench.same_bits", "--stages", python, *tasks],
            cwd=project, env=os.environ | {"PYTHONPATH": str(ROOT)}, preexec_fn=limit_cores, capture_output=True,
            text=True, errors="replace",
        )  # fmt: skip
        if done.returncode:
            lines = (done.stdout + done.stderr).splitlines()
            sys.exit("\n".join(line for line in lines if "TCG doesn't support" not in line))
        files = [path for name in OUTPUTS for path in Path(project, name).rglob("*") if path.is_file()]
        return {str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _run_stages(python: str, tasks: list[str]) -> None:
    """Run every stage of `tasks` in this process and the current folder. Child processes are started by `python`."""
    multiprocessing.set_executable(python)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for name, task in params["tasks"].items():
        batch_size = 8 if name == "segmentation" else 45  # few steps, since an emulated one takes 20 s
        task["train"].update(epochs=1, batch_size=batch_size, workers=0, bits="everywhere")
    params["train"]["warmup_epochs"] = 0.5
    params["tasks"] = {name: params["tasks"][name] for name in tasks or params["tasks"]}
    write_text(Path("params.yaml"), yaml.safe_dump(params))
    for module, constants in SMALL_SAMPLE.items():
        for name, value in constants.items():
            patch(f"darkroom.sources.datasets.{module}.{name}", value).start()
    _run("configure")
    for name, task in params["tasks"].items():
        for stage in STAGES:
            _run(stage.format(prepare=task["prepare"]), name)


def _run(stage: str, *arguments: str) -> None:
    sys.argv[1:] = arguments
    runpy.run_module(f"stages.{stage}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stages"]:
        from darkroom.common.environment import limit_pytorch

        limit_pytorch("everywhere")  # before the first stage imports PyTorch
        _run_stages(sys.argv[2], sys.argv[3:])
    else:
        main(sys.argv[1:])
