"""Whether processors of different kinds give the same bytes, from the drawn sample to the report.

    python -m bench.same_bits [TASK …]

Goes through all stages of the tasks (default: all of params.yaml) with a small sample and few epochs: on this
processor, on one core of it, and under those of `PROCESSORS`, emulated by qemu-x86_64 of Debian's package qemu-user.
Prints each file whose bytes differ; exits with 1 where there is one. A processor takes a quarter of an hour.
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

ROOT = Path(__file__).resolve().parent.parent
PROCESSORS = ("Haswell", "EPYC")  # Intel's first with AVX2, and the first of AMD's that the emulator knows
STAGES = ("fetch", "{prepare}", "train", "evaluate", "plot")
OUTPUTS = ("data", "models", "metrics", "plots", "reports")
SMALL_SAMPLE = {  # what is drawn: a hundredth of what the pipeline draws
    "cifar10": {"TEST_IMAGES": 20},
    "tiny_imagenet": {"TRAIN_IMAGES": 10, "VAL_IMAGES": 1},
    "scenes": {"SCENES": 24},
    "mnist": {"TRAIN_IMAGES": 200, "TEST_IMAGES": 50},
}


def main(tasks: list[str]) -> None:
    emulator = shutil.which("qemu-x86_64")
    kinds: dict[str, list[str]] = {"this processor": [], "one core of it": []}
    if emulator is None:
        print("qemu-x86_64 is not installed (Debian: qemu-user): no other processor is tried")
    else:
        kinds |= {f"{name}, emulated": [emulator, "-cpu", name] for name in PROCESSORS}
    first: dict[str, str] = {}
    differ = False
    for kind, prefix in kinds.items():
        started = time.monotonic()
        found = _hashes(prefix, kind.startswith("one core"), tasks)
        first = first or found
        others = sorted(name for name in first.keys() | found.keys() if first.get(name) != found.get(name))
        differ = differ or bool(others)
        outcome = f"{len(others)} of {len(first)} files differ" if others else f"the same {len(first)} files"
        print(f"{kind}: {outcome}, {time.monotonic() - started:.0f} s", *others, sep="\n  ", flush=True)
    sys.exit(differ)


def _hashes(prefix: list[str], one_core: bool, tasks: list[str]) -> dict[str, str]:
    """The SHA-256 of each file that the stages write, run by `prefix` and Python."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, "python")  # for the processes that stages start
        python.write_text(f'#!/bin/sh\nexec {" ".join(prefix)} "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        project = Path(folder, "project")
        project.mkdir()
        cores = (lambda: os.sched_setaffinity(0, {0})) if one_core else None
        done = subprocess.run(
            [python, "-m", "bench.same_bits", "--stages", python, *tasks],
            cwd=project, env=os.environ | {"PYTHONPATH": str(ROOT)}, preexec_fn=cores, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            lines = (done.stdout + done.stderr).splitlines()
            sys.exit("\n".join(line for line in lines if "TCG doesn't support" not in line))
        files = [path for name in OUTPUTS for path in Path(project, name).rglob("*") if path.is_file()]
        return {str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _run_stages(python: str, tasks: list[str]) -> None:
    """Run every stage of `tasks` in this process, in the current folder; the processes that it starts by `python`."""
    multiprocessing.set_executable(python)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for name, task in params["tasks"].items():
        batch_size = 8 if name == "segmentation" else 45  # few steps: emulated, one takes 20 s
        task["train"].update(epochs=1, batch_size=batch_size, workers=0, bits="everywhere")
    params["train"]["warmup_epochs"] = 0.5
    params["tasks"] = {name: params["tasks"][name] for name in tasks or params["tasks"]}
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    for module, constants in SMALL_SAMPLE.items():
        patch.multiple(f"darkroom.sources.sample.{module}", **constants).start()
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

        limit_pytorch("everywhere")  # before the first stage imports PyTorch for its workers
        _run_stages(sys.argv[2], sys.argv[3:])
    else:
        main(sys.argv[1:])
