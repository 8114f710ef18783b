"""Images a second of the train stage against the loop of a first tutorial, side by side.

    python -m bench.training [STEPS]

on `data/prepared/cifar10` (`dvc repro prepare@cifar10`). The tutorial's loop reads PIL images through
torchvision's transforms and a DataLoader, in float32 and NCHW, with the same ResNet-18, batch size (128, as
tutorials have it, and 500, as the default recipe) and optimizer. Then the whole loop of the default network,
augmentation included, against its bare forward, backward and step on one batch that never changes.

Both sides of a comparison take turns, each in processes of its own that stand still while it is the other's
turn: neither one's allocator nor its loader's workers touch the other.
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
import torchvision
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms

from darkroom.batches.images import ImageBatches
from darkroom.batches.parameters import ImageAugmentation
from darkroom.datasets.description import Description
from darkroom.datasets.packed import read_split
from darkroom.device.allocator import keep_freed_memory
from darkroom.device.precision import choose_device, choose_precision, fix_algorithms
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
RESNET = [TrainParameters(**TRAIN, batch_size=batch_size) for batch_size in (128, 500)]
FAST = TrainParameters(**TRAIN | {"optimizer": "muon"}, batch_size=500)


class Pictures(torchvision.datasets.VisionDataset):
    """The training images as torchvision's own CIFAR10 gives them: PIL images through transforms."""

    def __init__(self, transform: Callable) -> None:
        super().__init__(root=".", transform=transform)
        self.images, self.labels = (np.array(part) for part in read_split(DATA, "train"))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def tutorial(hyper: TrainParameters) -> Iterator[None]:
    """One step of the tutorial's loop at each `next`."""
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
            loss.backward()
            optimizer.step()
            yield


def darkroom(hyper: TrainParameters, name: str, fixed: bool = False) -> Iterator[None]:
    """One step of the train stage at each `next`; `fixed`: on one batch, made beforehand."""
    fix_algorithms()
    keep_freed_memory()
    device, description = choose_device(), Description.read(DATA)
    augmentation = ImageAugmentation(flip="random", crop=4, cutout=0)
    batches = ImageBatches(DATA, description, augmentation, hyper.batch_size, 0, device)
    architecture = architectures()[name](name=name)
    model = architecture.build(len(description.classes), tuple(description.image_size))
    architecture.initialize(model, batches.sample)
    model = model.to(device, memory_format=torch.channels_last)
    precision = choose_precision(hyper.precision, device)
    state = start(model, hyper, device, precision, architecture.bias_lr_factor)
    job = Run("classification", len(description.classes), hyper, 0, device, precision)
    first, epoch = next(iter(batches.train(0))), 0
    while True:
        for batch in [first] if fixed else batches.train(epoch):
            train_step(state, model, [batch], job, supervised_objective(job.parameters))
            yield
        epoch += 1


Loop = Callable[..., Iterator[None]]


def _run(told: Connection, steps: int, loop: Loop, arguments: tuple) -> None:
    """Go through a loop in a group of processes of its own and tell of each time that so many `steps` are done."""
    os.setpgrp()
    with suppress(BrokenPipeError):  # nobody listens any more
        for done, _ in enumerate(loop(*arguments)):
            if done % steps == 0:  # the first step warms up
                if torch.cuda.is_available():
                    torch.cuda.synchronize()
                told.send(os.getpgrp())


@contextmanager
def turns(steps: int, loop: Loop, *arguments: object) -> Iterator[Callable[[], float]]:
    """Gives what lets the loop run for so many `steps`, the seconds of which it returns."""
    hears, told = Pipe(duplex=False)
    process = get_context("spawn").Process(target=_run, args=(told, steps, loop, arguments))
    process.start()
    told.close()  # here: the process has its own
    group = hears.recv()
    os.killpg(group, signal.SIGSTOP)

    def turn() -> float:
        os.killpg(group, signal.SIGCONT)
        started = time.perf_counter()
        hears.recv()
        seconds = time.perf_counter() - started
        os.killpg(group, signal.SIGSTOP)
        return seconds

    try:
        yield turn
    finally:
        hears.close()
        os.killpg(group, signal.SIGCONT)
        process.join()


def compare(one: Callable[[], float], other: Callable[[], float], images: int) -> tuple[float, float, float]:
    """Images a second of both and the other's ratio to the first, medians of rounds that take turns.

    The ratio is taken round by round, since both are as fast as the machine is at that moment.

    Args:
        images: in a turn.
    """
    seconds = np.array([(one(), other()) for _ in range(ROUNDS)])
    ratios = seconds[:, 0] / seconds[:, 1]
    first, second = images / np.median(seconds, axis=0)
    return float(first), float(second), float(np.median(ratios))


def main(steps: int) -> None:
    device = choose_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"on {device.type} ({name}), {choose_precision('auto', device)}, medians of {ROUNDS} rounds of {steps} steps")

    tutorials = []
    for hyper in RESNET:
        with turns(steps, tutorial, hyper) as one, turns(steps, darkroom, hyper, "resnet18") as other:
            plain, ours, ratio = compare(one, other, steps * hyper.batch_size)
        where = f"ResNet-18, batches of {hyper.batch_size}"
        print(f"{where}: tutorial {plain:.1f} images/s, darkroom {ours:.1f} images/s: {ratio:.2f} times")
        tutorials.append(plain)
    with turns(steps, darkroom, FAST, "fast_cnn", True) as one, turns(steps, darkroom, FAST, "fast_cnn") as other:
        bare, whole, ratio = compare(one, other, steps * FAST.batch_size)
    print(f"fast_cnn: the epoch {whole:.1f} images/s, the bare step {bare:.1f} images/s: {ratio:.1%}")
    print(f"the tutorial's first epoch of ResNet-18 over 45,000 images takes {45_000 / max(tutorials):.0f} s here")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
