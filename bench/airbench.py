"""Train CIFAR-10 by the recipe of a published speed record, to compare with.

    python -m bench.airbench [RUNS]

It needs `data/prepared/cifar10` (`dvc repro prepare@cifar10`). The recipe is airbench94 with Muon: 94.0 % on CIFAR-10
in 2.59 seconds on an A100 (Jordan, https://github.com/KellerJordan/cifar10-airbench, 2024, after arXiv:2404.00498).
This is a port to any device. The weights stay in float32 and autocast computes in the number format of the device,
where the original holds the weights in float16. Augmentation and optimizer are Darkroom's, which compute the same.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.batches.images import ImageBatches
from darkroom.batches.parameters import ImageAugmentation
from darkroom.batches.whole import whole_split
from darkroom.common.errors import run_command
from darkroom.common.progress import progress
from darkroom.datasets.description import Description
from darkroom.device.precision import autocast
from darkroom.device.setup import Setup, set_up
from darkroom.training.optimizers._base import Group
from darkroom.training.optimizers.muon import Muon

DATA = Path("data/prepared/cifar10")
EPOCHS, WHITENING_EPOCHS = 8, 3  # of training, and those in which the bias of the whitening layer learns too
BATCH_SIZE = 2000
WIDTHS = (64, 256, 256)
PATCH, IMAGES_FOR_WHITENING, WHITENING_EPSILON = 2, 5000, 5e-4
LABEL_SMOOTHING = 0.2
WEIGHT_DECAY = 2e-6 * BATCH_SIZE  # of the learning rate times the weights
BIAS_LR, HEAD_LR, FILTER_LR = 0.053, 0.67, 0.24
MOMENTUM, FILTER_MOMENTUM = 0.85, 0.6
NORM_MOMENTUM, NORM_EPSILON = 0.4, 1e-12


class AirbenchNet(nn.Module):
    """The network: images float (b, 3, 32, 32) to logits (b, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.whitening = nn.Conv2d(3, 2 * 3 * PATCH**2, PATCH)
        self.whitening.weight.requires_grad = False
        channels = (self.whitening.out_channels, *WIDTHS)
        groups = [_group(i, o) for i, o in zip(channels, WIDTHS, strict=False)]
        self.body = nn.Sequential(nn.GELU(), *groups, nn.MaxPool2d(3), nn.Flatten())
        self.head = nn.Linear(WIDTHS[-1], 10, bias=False)
        self.head.weight.data /= self.head.weight.data.std()

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (b, 10) of images (b, 3, 32, 32)."""
        logits: Tensor = self.head(self.body(self.whitening(images))) / WIDTHS[-1]
        return logits

    @torch.no_grad()
    def whiten(self, images: Tensor) -> None:
        """Set the filters of the first layer to the scaled eigenvectors of the images' patches, and their negatives.

        Args:
            images: normalized, float (n, 3, 32, 32).
        """
        patches = F.unfold(images.float(), PATCH).transpose(1, 2).flatten(0, 1)
        eigenvalues, eigenvectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        filters = (eigenvectors / torch.sqrt(eigenvalues + WHITENING_EPSILON)).T.reshape(-1, 3, PATCH, PATCH)
        self.whitening.weight.copy_(torch.cat([filters, -filters]))


def _group(channels_in: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        _convolution(channels_in, channels), nn.MaxPool2d(2), _normalization(channels), nn.GELU(),
        _convolution(channels, channels), _normalization(channels), nn.GELU(),
    )  # fmt: skip


def _convolution(channels_in: int, channels: int) -> nn.Conv2d:
    convolution = nn.Conv2d(channels_in, channels, 3, padding="same", bias=False)
    nn.init.dirac_(convolution.weight.data[:channels_in])
    return convolution


def _normalization(channels: int) -> nn.BatchNorm2d:
    normalization = nn.BatchNorm2d(channels, eps=NORM_EPSILON, momentum=NORM_MOMENTUM)
    normalization.weight.requires_grad = False
    return normalization


def train(data: Path, seed: int, setup: Setup) -> nn.Module:
    """Return a trained network.

    Args:
        data: the folder of the prepared data set.
        seed: of the weights and of the augmentation.
        setup: device and precision.
    """
    torch.manual_seed(seed)
    augmentation = ImageAugmentation(flip="alternate", crop=2, cutout=0, padding="reflect")
    batches = ImageBatches(data, Description.read(data), augmentation, BATCH_SIZE, seed, setup.device)
    model = AirbenchNet().to(setup.device).to(memory_format=torch.channels_last)
    model.whiten(batches.sample(IMAGES_FOR_WHITENING))
    parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    whitening_bias, head = parameters.pop("whitening.bias"), parameters.pop("head.weight")
    biases = [parameter for parameter in parameters.values() if parameter.ndim == 1]
    filters = [parameter for parameter in parameters.values() if parameter.ndim == 4]
    steps, whitening_steps = EPOCHS * batches.steps, WHITENING_EPOCHS * batches.steps

    def group(params: Sequence[Tensor], peak: float, last_step: int = steps) -> Group:
        return {"params": list(params), "peak": peak, "last_step": last_step, "weight_decay": WEIGHT_DECAY / peak}

    muon = {"weight_decay": 0.0, "momentum": FILTER_MOMENTUM, "orthogonal": True}
    optimizer = Muon(
        [
            group([whitening_bias], BIAS_LR, whitening_steps), group(biases, BIAS_LR), group([head], HEAD_LR),
            group(filters, FILTER_LR) | muon,
        ],
        0.0, MOMENTUM,
    )  # fmt: skip
    bar = progress(steps, "airbench94", unit="step", lines=False)
    model.train()
    for step, (images, labels) in enumerate(batch for epoch in range(EPOCHS) for batch in batches.train(epoch)):
        if step == whitening_steps:
            whitening_bias.requires_grad = False
            optimizer.param_groups[0]["params"] = []
        with autocast(setup.device, setup.precision):
            logits = model(images)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=LABEL_SMOOTHING, reduction="sum")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        for one in optimizer.param_groups:
            one["lr"] = one["peak"] * max(0.0, 1 - step / one["last_step"])
        optimizer.step()
        bar.update(1)
    bar.close()
    return model


@torch.inference_mode()
def accuracies(model: nn.Module, data: Path, setup: Setup) -> tuple[float, float]:
    """Return the share of right test images: as they are, and by the record's six views of each.

    The views are the image, moved up and left by a pixel, moved down and right by one, and the mirror images of these.
    The unmoved pair weighs as much as the other four together.
    """
    model.eval()
    right, count = torch.zeros(2, dtype=torch.float64), 0
    for images, labels in whole_split(data, Description.read(data), "test", setup.device):

        def mirrored(views: Tensor) -> Tensor:
            with autocast(setup.device, setup.precision):
                logits: Tensor = model(views).float() + model(views.flip(3)).float()
                return logits

        with autocast(setup.device, setup.precision):
            plain = model(images).float()
        padded = F.pad(images, (1, 1, 1, 1), mode="reflect")
        moved = mirrored(padded[:, :, :-2, :-2]) + mirrored(padded[:, :, 2:, 2:])
        all_views = mirrored(images) / 2 + moved / 4
        right += torch.stack([(logits.argmax(1) == labels).sum().cpu() for logits in (plain, all_views)])
        count += len(labels)
    plain_share, six_views_share = (right / count).tolist()
    return plain_share, six_views_share


def main(runs: int) -> None:
    """Train `runs` times and print accuracies and seconds."""
    setup = set_up(bits="machine")
    for seed in range(runs):
        started = time.perf_counter()
        model = train(DATA, seed, setup)
        if setup.device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        plain, six_views = accuracies(model, DATA, setup)
        print(
            f"airbench94 (Muon): {plain:.2%}, {six_views:.2%} with six views, {seconds:.1f} s, "
            f"on {setup.device.type} in {setup.precision}"
        )


if __name__ == "__main__":
    run_command(lambda: main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
