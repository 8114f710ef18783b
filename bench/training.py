"""Measure images per second of training, compared with the training loop of a first tutorial.

    python -m bench.training [STEPS]

It needs `data/prepared/cifar10` (`dvc repro prepare@cifar10`) and makes two comparisons:

- The tutorial's loop and Darkroom's train the same ResNet-18 with the same optimizer, with batches of 128, as in
  tutorials, and of 500. The tutorial's loop reads PIL images through torchvision's transforms and a DataLoader, in
  float32 and NCHW.
- Darkroom's loop trains the default network, once with augmented batches and once with one batch that never changes.

Each loop runs in its own group of processes, so that the memory allocator and the loader's workers of one do not
disturb the other. The two loops of a comparison take turns; one is stopped while the other runs.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from darkroom.batches.images import ImageBatches
from darkroom.batches.parameters import ImageAugmentation
from darkroom.common.errors import UserError, run_command
from darkroom.datasets.description import Description
from darkroom.datasets.packed import read_split
from darkroom.device.precision import choose_device
from darkroom.device.setup import set_up
from darkroom.models.architecture import architectures
from darkroom.training.loop import Run, supervised_objective, train_step
from darkroom.training.parameters import TrainParameters
from darkroom.training.state import start

DATA = Path("data/prepared/cifar10")
ROUNDS = 15
WORKERS = 2  # of the tutorial's loader
TRAIN = {
    "epochs": 1, "optimizer": "sgd", "lr": 0.01, "weight_decay": 5e-4,
    "warmup_epochs": 0.0, "loss": {"cross_entropy": 1.0}, "label_smoothing": 0.0, "precision": "auto", "keep": "last",
}  # fmt: skip
RESNET = [TrainParameters.model_validate({**TRAIN, "batch_size": batch_size}) for batch_size in (128, 500)]
FAST = TrainParameters.model_validate({**TRAIN, "optimizer": "muon", "batch_size": 500})


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """The training images as torchvision's own CIFAR10 gives them: PIL images through transforms."""

    def __init__(self, transform: Callable[[Image.Image], torch.Tensor]) -> None:
        self.transform = transform
        self.images, self.labels = (np.array(part) for part in read_split(DATA, "train"))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def tutorial(hyper: TrainParameters) -> Iterator[None]:
    """Make one step of the tutorial's loop at each `next`."""
    device, description = choose_device(), Description.read(DATA)
    steps = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    transform = transforms.Compose([*steps, transforms.Normalize(description.mean, description.std)])
    model = architectures()["resnet18"](name="resnet18").build(len(description.classes), (32, 32)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=hyper.lr, momentum=0.9)
    loader = DataLoader(Pictures(transform), hyper.batch_size, shuffle=True, num_workers=WORKERS)
    while True:
        for images, labels in loader:
            loss = torch.nn.functional.cross_entropy(model(images.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
            optimizer.step()
            yield


def darkroom(hyper: TrainParameters, name: str, is_fixed: bool = False) -> Iterator[None]:
    """Make one step of Darkroom's loop at each `next`.

    Args:
        hyper: the section `train` of the parameters.
        name: of the model.
        is_fixed: train on the first batch again and again.
    """
    setup, description = set_up(precision=hyper.precision), Description.read(DATA)
    augmentation = ImageAugmentation(flip="random", crop=4, cutout=0)
    batches = ImageBatches(DATA, description, augmentation, hyper.batch_size, 0, setup.device)
    architecture = architectures()[name](name=name)
    model = architecture.build(description.outputs, description.size)
    architecture.initialize(model, batches.sample)
    model = model.to(setup.device).to(memory_format=torch.channels_last)
    state = start(model, hyper, description.size, setup.device, setup.precision, architecture.bias_lr_factor)
    run = Run("classification", description.outputs, hyper, 0, setup.device, setup.precision)
    objective = supervised_objective(hyper)
    first, epoch = next(iter(batches.train(0))), 0
    while True:
        for batch in [first] if is_fixed else batches.train(epoch):
            train_step(state, model, [batch], run, objective)
            yield
        epoch += 1


Loop = Callable[..., Iterator[None]]


def _run(connection: Connection, steps: int, loop: Loop, arguments: tuple[object, ...]) -> None:
    """Run a loop in a new group of processes. Send the group's number after the first step and after every `steps`."""
    os.setpgrp()
    with suppress(BrokenPipeError):  # the measuring process has closed its end: the end of the measurement
        for done, _ in enumerate(loop(*arguments)):
            if done % steps == 0:  # the first step warms up
                if torch.cuda.is_available():
                    torch.cuda.synchronize()
                connection.send(os.getpgrp())


@contextmanager
def turns(steps: int, loop: Loop, *arguments: object) -> Iterator[Callable[[], float]]:
    """Start a loop. Yield a function that lets it make `steps` steps and returns the seconds that they took."""
    receiver, sender = Pipe(duplex=False)
    process = get_context("spawn").Process(target=_run, args=(sender, steps, loop, arguments))
    process.start()
    sender.close()  # in this process; the other one has its own
    group = receiver.recv()
    os.killpg(group, signal.SIGSTOP)

    def turn() -> float:
        os.killpg(group, signal.SIGCONT)
        started = time.perf_counter()
        receiver.recv()
        seconds = time.perf_counter() - started
        os.killpg(group, signal.SIGSTOP)
        return seconds

    try:
        yield turn
    finally:
        receiver.close()
        os.killpg(group, signal.SIGCONT)
        process.join()


def compare(first: Callable[[], float], second: Callable[[], float], images: int) -> tuple[float, float, float]:
    """Return images per second of both loops and the ratio of the second to the first, as medians over the rounds.

    The ratio is computed in each round, since the speed of the machine changes from round to round for both loops.

    Args:
        first: makes a turn of one loop and returns its seconds.
        second: makes a turn of the other.
        images: the number of images in a turn.
    """
    seconds = np.array([(first(), second()) for _ in range(ROUNDS)])
    ratios = seconds[:, 0] / seconds[:, 1]
    speeds = images / np.median(seconds, axis=0)
    return float(speeds[0]), float(speeds[1]), float(np.median(ratios))


def main(steps: int) -> None:
    """Print both comparisons, with turns of `steps` steps."""
    if not hasattr(os, "killpg"):
        raise UserError("bench.training stops groups of processes, which Windows cannot: run it on Linux or macOS")
    setup = set_up()
    name = torch.cuda.get_device_name() if setup.device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"on {setup.device.type} ({name}), {setup.precision}, medians of {ROUNDS} rounds of {steps} steps")

    tutorials = []
    for hyper in RESNET:
        with turns(steps, tutorial, hyper) as one, turns(steps, darkroom, hyper, "resnet18") as other:
            plain, ours, ratio = compare(one, other, steps * hyper.batch_size)
        where = f"ResNet-18, batches of {hyper.batch_size}"
        print(f"{where}: tutorial {plain:.1f} images/s, darkroom {ours:.1f} images/s, {ratio:.2f} times as fast")
        tutorials.append(plain)
    with turns(steps, darkroom, FAST, "fast_cnn", True) as one, turns(steps, darkroom, FAST, "fast_cnn") as other:
        fixed, augmented, ratio = compare(one, other, steps * FAST.batch_size)
    print(f"fast_cnn: {augmented:.1f} images/s with augmentation, {fixed:.1f} images/s without: {ratio:.1%}")
    print(f"the tutorial needs {45_000 / max(tutorials):.0f} s here for an epoch of ResNet-18 over 45,000 images")


if __name__ == "__main__":
    run_command(lambda: main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
