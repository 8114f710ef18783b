"""Measure accuracy, seconds and GPU memory of whole trainings on CIFAR-10.

    python -m bench.recipes [NAME …]

It needs `data/prepared/cifar10` (`dvc repro prepare@cifar10`) and runs the stages `train` and `evaluate` with each of
`RECIPES`, or with those named, in a temporary folder. The seconds are those of the stage `train`, after one epoch of
the default recipe as a warm-up. On a GPU they are measured with events, and the memory is the most that PyTorch held.
"""

import shutil
import sys
import time
from collections.abc import Callable
from contextlib import chdir
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import yaml

from darkroom.common.errors import UserError, run_command
from darkroom.common.files import read_json, read_yaml, write_text
from darkroom.common.parameters import CONFIG
from darkroom.configuration import configure
from stages import evaluate, train

TASK = "cifar10"
CLASSIC = {"optimizer": "sgd", "lr": 0.1, "weight_decay": 5e-4, "label_smoothing": 0.1, "batch_size": 128}
CLASSIC_AUGMENT = {"flip": "random", "crop": 4, "padding": "zero", "cutout": 12}
Changes = dict[str, dict[str, Any]]  # what to change in the task, by section
RECIPES: dict[str, Changes] = {
    "default": {},
    "longer": {"model": {"name": "resnet18"}, "augment": CLASSIC_AUGMENT, "train": CLASSIC | {"epochs": 60}},
    "wide": {  # to measure its memory
        "model": {"name": "wrn_28_10"}, "augment": CLASSIC_AUGMENT, "train": CLASSIC | {"epochs": 1},
    },
}  # fmt: skip
WARM_UP: Changes = {"train": {"epochs": 1}}


def main(names: list[str]) -> None:
    """Run the recipes of these names, or all, and print a line about each."""
    unknown = set(names) - set(RECIPES)
    if unknown:
        raise UserError(f"{min(unknown)}: no such recipe; there are {', '.join(RECIPES)}")
    prepared = Path("data/prepared", TASK).resolve()
    params = read_yaml(Path("params.yaml"))
    assert isinstance(params, dict)
    params["train"]["bits"] = "machine"  # as fast as this machine can, also for the sample
    task = params["tasks"][TASK]
    with TemporaryDirectory() as folder, chdir(folder):
        shutil.copytree(prepared, Path("data/prepared", TASK))

        def run(changes: Changes) -> None:
            changed = task | {section: task[section] | values for section, values in changes.items()}
            content = yaml.safe_dump(params | {"tasks": {TASK: changed}})
            write_text(Path("params.yaml"), content)
            configure(Path("params.yaml"), CONFIG)
            train.main(TASK)

        run(WARM_UP)
        for name in names or RECIPES:
            seconds = seconds_of(partial(run, RECIPES[name]))
            evaluate.main(TASK)
            report, costs = read_json(Path("metrics", TASK, "test.json")), read_json(Path("runs", TASK, "costs.json"))
            memory = max(epoch["peak_memory_mb"] for epoch in costs["epochs"])
            print(
                f"{name}: {report['accuracy']:.2%}, {report['tta_accuracy']:.2%} with mirrored views, "
                f"{seconds:.1f} s, {memory:.0f} MiB, on {costs['device']} in {costs['precision']}"
            )


def seconds_of(work: Callable[[], None]) -> float:
    """Return the seconds that `work` takes on the device."""
    if not torch.cuda.is_available():
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin
    torch.cuda.reset_peak_memory_stats()
    started, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call] # of torch
    started.record()
    work()
    ended.record()
    torch.cuda.synchronize()
    return float(started.elapsed_time(ended)) / 1000


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
