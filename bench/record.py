"""Compare a recipe with the recipe of a speed record and with a first tutorial's loop, side by side.

    python -m bench.record [RUNS] [RECIPE]

It needs `data/prepared/cifar10` (`dvc repro prepare@cifar10`). RUNS times (default 3), with as many seeds, it trains
airbench94 (`bench.airbench`) and a recipe of `studies/recipes.yaml` (default `94`) in turns on the same training
images. Then it times steps of the tutorial's loop (`bench.training`). It prints a table in Markdown.
"""

import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from bench import airbench, training
from bench.recipes import TASK, Result, measure, recipes, training_folder, warm_up
from darkroom.common.errors import UserError, run_command
from darkroom.datasets.description import Description
from darkroom.device.setup import set_up

TUTORIAL_STEPS = 30


def record_run(seed: int) -> Result:
    """Train and evaluate airbench94."""
    setup, started = set_up(), time.perf_counter()
    model = airbench.train(airbench.DATA, seed, setup)
    if setup.device.type == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    accuracy, views = airbench.accuracies(model, airbench.DATA, setup)
    return Result(accuracy, views, seconds, 0.0, setup.device.type, setup.precision)


def tutorial_seconds(images: int) -> float:
    """Return the seconds of the tutorial's epoch, from those of some steps."""
    hyper = training.RESNET[0]
    with training.turns(TUTORIAL_STEPS, training.tutorial, hyper) as turn:
        return turn() / TUTORIAL_STEPS * images / hyper.batch_size


def row(name: str, results: list[Result]) -> str:
    """Return the row of the table about several runs of one recipe."""
    plain, views = ([getattr(result, key) for result in results] for key in ("accuracy", "tta_accuracy"))
    seconds = [result.seconds for result in results]
    return f"| {name} | {len(results)} | {_spread(plain)} | {_spread(views)} | {statistics.mean(seconds):.0f} s |"


def _spread(shares: list[float]) -> str:
    spread = f" ± {100 * statistics.stdev(shares):.2f}" if len(shares) > 1 else ""
    return f"{100 * statistics.mean(shares):.2f}{spread} %"


def main(runs: int, name: str) -> None:
    """Train both recipes in turns and print the table."""
    known = recipes()
    if name not in known:
        raise UserError(f"{name}: no such recipe; there are {', '.join(known)}")
    ours: list[Result] = []
    theirs: list[Result] = []
    images = Description.read(Path("data/prepared", TASK)).images["train"]
    with training_folder() as run:
        warm_up(run, known[name])
        for seed in range(runs):
            theirs.append(record_run(seed))
            print(f"seed {seed}\n{row('airbench94', theirs[-1:])}", flush=True)
            recipe = replace(known[name], overrides=[*known[name].overrides, f"seed={seed}"])
            ours.append(measure(run, recipe))
            print(row(name, ours[-1:]), flush=True)
    epoch = tutorial_seconds(images)
    ratio = statistics.mean(result.seconds for result in ours) / statistics.mean(result.seconds for result in theirs)
    print(f"\n{images} training images, on {ours[0].device} in {ours[0].precision}\n")
    print("| recipe | n | as they are | mean over views | training |\n|---|---|---|---|---|")
    print(row("airbench94 (Muon)", theirs))
    print(row(f"recipe {name}", ours))
    print(f"\nThe recipe takes {ratio:.0%} of the time. The tutorial's first epoch of ResNet-18 takes {epoch:.0f} s.")


if __name__ == "__main__":
    run_command(lambda: main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, sys.argv[2] if len(sys.argv) > 2 else "94"))
