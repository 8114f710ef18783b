"""Images a second of the train stage against the loop of a first tutorial, side by side.

    python -m bench.training [STEPS]

on `data/prepared/cifar10` (`dvc repro prepare@cifar10`). The tutorial's loop reads PIL images through
torchvision's transforms and a DataLoader, in float32 and NCHW, with the same ResNet-18, batch size and
optimizer. Then the whole loop of the default network, augmentation included, against its bare
forward, backward and step on one batch that never changes.
"""

import sys
import time
from collections.abc import Callable, Iterator
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
from darkroom.models.parameters import ClassifierParameters
from darkroom.models.zoo import build_model, initialize_from_images
from darkroom.training.loop import Job, supervised_objective, train_step
from darkroom.training.parameters import TrainParameters
from darkroom.training.precision import choose_device, choose_precision
from darkroom.training.state import start

DATA = Path("data/prepared/cifar10")
ROUNDS = 15
TRAIN = {
    "epochs": 1, "batch_size": 128, "optimizer": "sgd", "lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4,
    "warmup_epochs": 0.0, "loss": {"cross_entropy": 1.0}, "label_smoothing": 0.0, "precision": "auto", "keep": "last",
    "workers": 2,
}  # fmt: skip


class Pictures(torchvision.datasets.VisionDataset):
    """The training images as torchvision's own CIFAR10 gives them: PIL images through transforms."""

    def __init__(self, transform: Callable) -> None:
        super().__init__(root=".", transform=transform)
        self.images, self.labels = (np.array(part) for part in read_split(DATA, "train"))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def tutorial(description: Description, device: torch.device, hyper: TrainParameters) -> Iterator[None]:
    """One step of the tutorial's loop at each `next`."""
    steps = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    transform = transforms.Compose([*steps, transforms.Normalize(description.mean, description.std)])
    model = build_model(ClassifierParameters(name="resnet18"), len(description.classes), (32, 32)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=hyper.lr, momentum=hyper.momentum)
    loader = DataLoader(Pictures(transform), hyper.batch_size, shuffle=True, num_workers=hyper.workers)
    while True:
        for images, labels in loader:
            loss = torch.nn.functional.cross_entropy(model(images.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield


def darkroom(
    name: str, description: Description, device: torch.device, hyper: TrainParameters, fixed: bool = False
) -> Iterator[None]:
    """One step of the train stage at each `next`; `fixed`: on one batch, made beforehand."""
    augmentation = ImageAugmentation(flip="random", crop=4, cutout=0)
    batches = ImageBatches(DATA, description, augmentation, hyper.batch_size, 0, device)
    model = build_model(ClassifierParameters(name=name), len(description.classes), tuple(description.image_size))
    initialize_from_images(model, batches.sample)
    model = model.to(device, memory_format=torch.channels_last)
    precision = choose_precision(hyper.precision, device)
    state = start(model, hyper, device, precision)
    job = Job("classification", len(description.classes), hyper, 0, device, precision)
    first, epoch = next(iter(batches.train(0))), 0
    while True:
        for batch in [first] if fixed else batches.train(epoch):
            train_step(state, model, [batch], job, supervised_objective(job.parameters))
            yield
        epoch += 1


def compare(one: Iterator[None], other: Iterator[None], steps: int, batch_size: int) -> tuple[float, float, float]:
    """Images a second of both and the other's share of the first's, medians of rounds that take turns.

    The share is taken round by round, since both are as fast as the machine is at that moment. A step of each comes
    before, to warm up.
    """
    next(one), next(other)
    speeds: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for stream, measured in zip((one, other), speeds, strict=True):
            _wait()
            started = time.perf_counter()
            for _ in range(steps):
                next(stream)
            _wait()
            measured.append(steps * batch_size / (time.perf_counter() - started))
    first, second = np.array(speeds)
    return float(np.median(first)), float(np.median(second)), float(np.median(second / first))


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main(steps: int) -> None:
    device = choose_device()
    description = Description.read(DATA)
    resnet, fast = TrainParameters(**TRAIN), TrainParameters(**TRAIN | {"optimizer": "muon", "batch_size": 250})
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"on {device.type} ({name}), {choose_precision('auto', device)}, medians of {ROUNDS} rounds of {steps} steps")

    plain, ours, ratio = compare(
        tutorial(description, device, resnet), darkroom("resnet18", description, device, resnet), steps, 128
    )
    print(f"ResNet-18: tutorial {plain:.1f} images/s, darkroom {ours:.1f} images/s: {ratio:.2f} times")
    bare, whole, ratio = compare(
        darkroom("fast_cnn", description, device, fast, fixed=True),
        darkroom("fast_cnn", description, device, fast),
        steps,
        250,
    )
    print(f"fast_cnn: the epoch {whole:.1f} images/s, the bare step {bare:.1f} images/s: {ratio:.1%}")
    print(f"the tutorial's first epoch of ResNet-18 over 45,000 images takes {45_000 / plain:.0f} s here")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
