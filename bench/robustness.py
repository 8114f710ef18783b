"""Measure how long evaluation under each corruption takes, compared with the evaluation of the same images as they are.

    python -m bench.robustness [DATA] [MODEL] [IMAGES]

DATA is a prepared data set of a classification (default: data/prepared/cifar10), MODEL a model file of it (default:
models/cifar10/model.safetensors), and IMAGES how many test images are used (default 1000). Plain and corrupted
evaluations take turns, in fp32 and in bf16 where the processor has it, and of three tries the shortest counts. It
prints the ratios of each corruption at the severities 1, 3 and 5, and of a step of projected gradient descent, first
of the time on the clock, then of the time of the processor, which other work on the machine changes less.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.batches.normalize import normalize
from darkroom.datasets.description import Description
from darkroom.datasets.packed import read_split
from darkroom.device.precision import supported_precision
from darkroom.device.setup import set_up
from darkroom.evaluation.attacks import pgd
from darkroom.evaluation.corruptions import corruption_names
from darkroom.evaluation.inference import TrainedModel, logits_of
from darkroom.evaluation.robustness import BATCH, corrupted_batches
from darkroom.models.model_file import load_model

TRIES = 3
SEVERITIES = (1, 3, 5)


def seconds(work: Callable[[], None]) -> NDArray[np.float64]:
    """Return the seconds that `work` takes: on the clock, and of the processor in all threads."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return np.array([time.perf_counter() - clock, time.process_time() - processor])


def measure(trained: TrainedModel, count: int) -> None:
    """Print the ratios of a model on the first `count` test images."""
    images, labels = (values[:count] for values in read_split(trained.data, "test"))
    mean, std = trained.description.mean, trained.description.std

    def plain_batches() -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(labels), BATCH):
            pixels = torch.tensor(images[start : start + BATCH])
            yield normalize(pixels, mean, std), torch.from_numpy(labels[start : start + BATCH])

    def evaluate(batches: Iterator[tuple[Tensor, Tensor]]) -> None:
        for _ in trained.predict(batches):
            pass

    evaluate(plain_batches())  # warms up
    print(f"{trained.card.precision}, {len(labels)} images")
    worst = np.zeros(2)
    for name in corruption_names():
        plain, corrupted = np.full(2, np.inf), np.full((len(SEVERITIES), 2), np.inf)
        for _ in range(TRIES):
            for best, severity in zip(corrupted, SEVERITIES, strict=True):
                plain = np.minimum(plain, seconds(lambda: evaluate(plain_batches())))
                batches = corrupted_batches(trained, images, labels, name, severity)
                best[:] = np.minimum(best, seconds(partial(evaluate, batches)))
        ratios = corrupted / plain
        worst = np.maximum(worst, ratios.max(0))
        texts = (" ".join(f"{ratio:.2f}" for ratio in column) for column in ratios.T)
        print(f"  {name:18s} {'; of the processor '.join(texts)} times {plain[0]:.2f} s", flush=True)
    print(f"  largest            {worst[0]:.2f}; of the processor {worst[1]:.2f}")


def measure_step(trained: TrainedModel) -> None:
    """Print how long a step of projected gradient descent takes, compared with a forward pass."""
    images, labels = (values[:100] for values in read_split(trained.data, "test"))
    pixels, targets = torch.tensor(images) / 255, torch.tensor(labels)
    mean, std = trained.description.mean, trained.description.std

    def classify(inputs: Tensor) -> Tensor:
        return logits_of(trained.model, trained.card, normalize(inputs * 255, mean, std))

    def forward() -> None:
        with torch.no_grad():
            classify(pixels)

    def step_once() -> None:
        pgd(classify, pixels, targets, 2 / 255, torch.zeros_like(pixels), steps=1)

    plain, step = (np.min([seconds(work) for _ in range(3 * TRIES)], axis=0) for work in (forward, step_once))
    print(f"  a step of PGD      {step[0] / plain[0]:.2f}; of the processor {step[1] / plain[1]:.2f}")


def main(data: Path, model_file: Path, count: int) -> None:
    """Measure in each number format."""
    device = set_up(device="cpu").device
    model, card = load_model(model_file, device)
    for precision in ("fp32", "bf16"):
        if supported_precision(precision, device) == precision:
            trained = TrainedModel(model, replace(card, precision=precision), data, Description.read(data), device)
            measure(trained, count)
            measure_step(trained)


if __name__ == "__main__":
    arguments = dict(enumerate(sys.argv[1:]))
    main(
        Path(arguments.get(0, "data/prepared/cifar10")),
        Path(arguments.get(1, "models/cifar10/model.safetensors")),
        int(arguments.get(2, 1000)),
    )
