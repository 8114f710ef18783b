"""What this machine's device makes of CIFAR-10: accuracy and seconds of whole recipes, and their memory.

    python -m bench.recipes [NAME …]

on `data/prepared/cifar10` (`dvc repro prepare@cifar10`) runs the recipes below, or those named, by the stages
`train` and `evaluate` in a temporary folder. The seconds are those of the stage `train`, on a GPU between two events
on its stream, after an epoch of the default recipe to warm up; the memory is the most that PyTorch held there.
"""

import sys
import time
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import yaml

from darkroom.common.errors import UserError, run_command
from darkroom.common.files import read_json, read_yaml
from darkroom.common.parameters import CONFIG
from darkroom.configuration import configure
from stages import evaluate, train

TASK = "cifar10"
CLASSIC = {"optimizer": "sgd", "lr": 0.1, "weight_decay": 5e-4, "label_smoothing": 0.1, "batch_size": 128}
CLASSIC_AUGMENT = {"flip": "random", "crop": 4, "padding": "zero", "cutout": 12}
RECIPES = {  # what they change in the task, section by section
    "default": {},
    "longer": {"model": {"name": "resnet18"}, "augment": CLASSIC_AUGMENT, "train": CLASSIC | {"epochs": 60}},
    "wide": {  # for its memory
        "model": {"name": "wrn_28_10"}, "augment": CLASSIC_AUGMENT, "train": CLASSIC | {"epochs": 1},
    },
}  # fmt: skip
WARM_UP = {"train": {"epochs": 1}}


def main(names: list[str]) -> None:
    unknown = set(names) - set(RECIPES)
    if unknown:
        raise UserError(f"{min(unknown)}: no such recipe; there are {', '.join(RECIPES)}")
    prepared = Path("data/prepared").resolve()
    params = read_yaml(Path("params.yaml"))
    task = params["tasks"][TASK]
    with TemporaryDirectory() as folder, chdir(folder):
        Path("data").mkdir()
        Path("data/prepared").symlink_to(prepared)

        def run(changes: dict[str, dict]) -> None:
            changed = task | {section: task[section] | values for section, values in changes.items()}
            Path("params.yaml").write_text(yaml.safe_dump(params | {"tasks": {TASK: changed}}))
            configure(Path("params.yaml"), CONFIG)
            train.main(TASK)

        run(WARM_UP)
        for name in names or RECIPES:
            seconds = seconds_of(lambda name=name: run(RECIPES[name]))
            evaluate.main(TASK)
            report, costs = read_json(Path("metrics", TASK, "test.json")), read_json(Path("runs", TASK, "costs.json"))
            memory = max(epoch["peak_memory_mb"] for epoch in costs["epochs"])
            print(
                f"{name}: {report['accuracy']:.2%}, {report['tta_accuracy']:.2%} with mirrored views, "
                f"{seconds:.1f} s, {memory:.0f} MiB, on {costs['device']} in {costs['precision']}"
            )


def seconds_of(work: Callable[[], None]) -> float:
    """How long `work` takes on the device."""
    if not torch.cuda.is_available():
        started = time.perf_counter()
        work()
        return time.perf_counter() - started
    torch.cuda.reset_peak_memory_stats()
    started, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    started.record()
    work()
    ended.record()
    torch.cuda.synchronize()
    return started.elapsed_time(ended) / 1000


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
