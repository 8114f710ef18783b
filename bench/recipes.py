"""Measure accuracy, seconds and memory of the recipes of `studies/recipes.yaml` on CIFAR-10.

    python -m bench.recipes [NAME …]

It needs `data/prepared/cifar10` (`dvc repro prepare@cifar10`) and runs the stages `train` and `evaluate` with each
recipe, or with those named, in a temporary folder. The seconds are those of the stage `train`, after one epoch of the
first recipe as a warm-up. On a GPU they are measured with events, and the memory is the most that PyTorch held.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from darkroom.common.errors import UserError, run_command
from darkroom.common.files import read_json
from darkroom.common.parameters import CONFIG
from darkroom.studies.declared import FOLDER, Run, configure_run, read_study, runs_of
from stages import evaluate, train

TASK = "cifar10"
STUDY, SCALE = FOLDER / "recipes.yaml", "gpu"
FASTEST = "train.bits=machine"  # as fast as this machine can, also for the sample
# The folder of prepared data is given, so the recipes need no published archive here.
ONLY_TRAINING = ("source", "tasks.cifar10.archive", "tasks.cifar10.validation")


@dataclass(frozen=True)
class Result:
    """What a recipe gave.

    Attributes:
        accuracy: of the test images as they are.
        tta_accuracy: of the mean over the recipe's views of each test image.
        seconds: of the stage `train`.
        memory: the most that an epoch took, in MiB.
        device: of the training.
        precision: likewise.
    """

    accuracy: float
    tta_accuracy: float
    seconds: float
    memory: float
    device: str
    precision: str


def recipes() -> dict[str, Run]:
    """Return the recipes by their names."""
    runs = runs_of(read_study(STUDY).scales[SCALE], "recipe", STUDY)
    return {
        run.label: replace(
            run, overrides=[change for change in run.overrides if not change.startswith(ONLY_TRAINING)] + [FASTEST]
        )
        for run in runs
    }


@contextmanager
def training_folder() -> Iterator[Callable[[Run], None]]:
    """Yield a function that configures and trains a recipe, in a temporary folder that has the prepared data."""
    project = Path.cwd()
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(project / "data/prepared" / TASK, folder / "data/prepared" / TASK)

        def run(recipe: Run) -> None:
            with chdir(project):
                config = configure_run(recipe, TASK, folder)
            shutil.copytree(config, folder / CONFIG, dirs_exist_ok=True)
            train.main(TASK)

        with chdir(folder):
            yield run


def measure(run: Callable[[Run], None], recipe: Run) -> Result:
    """Train and evaluate a recipe by a function of `training_folder`."""
    seconds = seconds_of(lambda: run(recipe))
    evaluate.main(TASK)
    report, costs = read_json(Path("metrics", TASK, "test.json")), read_json(Path("runs", TASK, "costs.json"))
    memory = max(epoch["peak_memory_mb"] for epoch in costs["epochs"])
    accuracy, views = report["accuracy"], report.get("tta_accuracy", report["accuracy"])
    return Result(accuracy, views, seconds, memory, costs["device"], costs["precision"])


def warm_up(run: Callable[[Run], None], recipe: Run) -> None:
    """Train one epoch of a recipe."""
    short = ["tasks.cifar10.train.epochs=1", "tasks.cifar10.train.warmup_epochs=0", "tasks.cifar10.augment.sizes=[]"]
    run(replace(recipe, overrides=[*recipe.overrides, *(f"++{change}" for change in short)]))


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


def main(names: list[str]) -> None:
    """Run the recipes of these names, or all, and print a line about each."""
    known = recipes()
    unknown = set(names) - set(known)
    if unknown:
        raise UserError(f"{min(unknown)}: no such recipe; there are {', '.join(known)}")
    with training_folder() as run:
        warm_up(run, next(iter(known.values())))
        for name in names or known:
            result = measure(run, known[name])
            print(
                f"{name}: {result.accuracy:.2%}, {result.tta_accuracy:.2%} as the mean over views, "
                f"{result.seconds:.1f} s, {result.memory:.0f} MiB, on {result.device} in {result.precision}",
                flush=True,
            )


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
