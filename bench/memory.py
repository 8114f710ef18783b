"""Measure the memory of training steps on the processor, compared with what is predicted.

    python -m bench.memory [NAME …]

For each of `CASES`, or those named, it prints the predicted bytes of tensors, how much a process really grows by the
steps, and the ratio. Each measurement is a new process, which makes steps with two images first, so that libraries and
compiled kernels are loaded, and then the steps to measure. So that only memory in use counts, this process lets glibc
give back every freed array. The last columns are the peak of another process, which keeps freed memory as training
does, and what `darkroom plan` says that such a process takes in all.
"""

import copy
import gc
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import psutil
import torch

from darkroom.common.errors import UserError, run_command
from darkroom.common.platform import keep_freed_memory, peak_memory
from darkroom.datasets.description import Description
from darkroom.device.memory import MEGABYTE
from darkroom.device.precision import CPU, fix_algorithms
from darkroom.training.kinds import training_of
from darkroom.training.loop import Run
from darkroom.training.memory import make_steps, needed_memory, predict_step
from darkroom.training.parameters import TaskTraining
from darkroom.training.state import start

TRAIN = {
    "epochs": 1, "optimizer": "sgd", "lr": 1e-3, "weight_decay": 5e-4, "warmup_epochs": 0.0,
    "loss": {"cross_entropy": 1.0}, "label_smoothing": 0.0, "keep": "last",
}  # fmt: skip
IMAGES = {"flip": "random", "crop": 4, "cutout": 0}
CROPS = {"crop": 128, "transforms": []}
# The kind, the model, its augmentation, and what differs in TRAIN.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "fast_cnn": ("classification", {"name": "fast_cnn"}, IMAGES, {"optimizer": "muon", "batch_size": 250}),
    "resnet18": ("classification", {"name": "resnet18"}, IMAGES, {"batch_size": 128}),
    "wrn_16_8": ("classification", {"name": "wrn_16_8"}, IMAGES, {"batch_size": 64}),
    "vit": ("classification", {"name": "vit"}, IMAGES, {"optimizer": "adamw", "batch_size": 128}),
    "unet": (
        "segmentation", {"name": "unet", "encoder": "resnet18", "encoder_depth": 4}, CROPS,
        {"loss": {"cross_entropy": 1.0, "dice": 1.0}, "batch_size": 16},
    ),
    "wrn_28_10": ("classification", {"name": "wrn_28_10"}, IMAGES, {"batch_size": 128, "precision": "bf16"}),
}  # fmt: skip
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}  # of glibc: mallopt(3)


def case(name: str) -> tuple[TaskTraining, Description]:
    """Return the parameters of a case, and a description of a data set for it."""
    kind, model, augment, changes = CASES[name]
    train = TRAIN | {"precision": "fp32"} | changes
    values = {"kind": kind, "seed": 0, "model": model, "augment": augment, "train": train}
    classes = [str(number) for number in range(10)]
    images = {"train": 45_000, "validation": 5_000, "test": 10_000}
    return training_of(kind).model_validate(values), Description(kind, classes, [0.5] * 3, [0.25] * 3, images, [32, 32])


def train_steps(name: str, batch: int, device: torch.device = CPU) -> None:
    """Build the model of a case on a device and make steps with batches of `batch` images."""
    parameters, description = case(name)
    size, hyper = parameters.input_size(description), parameters.train
    model = parameters.model.build(description.outputs, size).to(device).to(memory_format=torch.channels_last)
    state = start(model, hyper, size, device, hyper.precision, parameters.model.bias_lr_factor)
    state.kept = copy.deepcopy(state.evaluated.state_dict())
    run = Run(parameters.kind, description.outputs, hyper, 0, device, hyper.precision)
    inputs, targets = parameters.example_batch(description, batch)
    make_steps(state, [(inputs.to(device), targets.to(device))], run, None)


def growth(name: str, batch: int) -> int:
    """Return by how many bytes this process grows when the steps of a case are made with batches of `batch` images."""
    fix_algorithms()
    train_steps(name, 2)
    gc.collect()
    before = psutil.Process().memory_info().rss
    train_steps(name, batch)
    return peak_memory() - int(before)


def peak(name: str, batch: int) -> int:
    """Return the most bytes that this process takes when the steps are made as in training, keeping freed memory."""
    keep_freed_memory()
    fix_algorithms()
    train_steps(name, batch)
    return peak_memory()


def main(names: list[str]) -> None:
    """Print a line for each case."""
    unknown = set(names) - set(CASES)
    if unknown:
        raise UserError(f"{min(unknown)}: no such case; there are {', '.join(CASES)}")
    print(
        f"{'case':12} {'predicted':>10} {'measured':>10} {'ratio':>6} {'process':>10} {'planned':>10} {'ratio':>6}  MB"
    )
    for name in names or CASES:
        parameters, description = case(name)
        batch = parameters.train.batch_size
        predicted = predict_step(parameters, description, parameters.train.precision, batch)
        measured = []
        for work, environment in ((growth, GIVE_BACK), (peak, {})):
            os.environ.update(environment)  # glibc reads it when a process starts
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                measured.append(pool.submit(work, name, batch).result())
            for key in environment:
                del os.environ[key]
        planned = needed_memory(predicted, "cpu")
        numbers = [predicted, measured[0], measured[1], planned]
        first, second, third, fourth = (f"{number / MEGABYTE:10,.0f}" for number in numbers)
        print(
            f"{name:12} {first} {second} {measured[0] / predicted:6.2f} {third} {fourth} {measured[1] / planned:6.2f}",
            flush=True,
        )


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
