"""Logits of networks that did not see an image in training, for all images of a data set."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.batches.augmentations import crop, flip
from darkroom.batches.normalize import normalize
from darkroom.common.progress import progress
from darkroom.common.randomness import seed_for
from darkroom.device.precision import CPU, autocast
from darkroom.device.setup import Setup
from darkroom.models.fast_cnn import FastCNN, FastCNNArchitecture
from darkroom.training.optimizers._base import build_optimizer
from darkroom.training.optimizers.muon import MuonOptions
from darkroom.training.schedules._base import learning_rate
from darkroom.training.schedules.triangular import Triangular

FOLDS = 2
SIDE = 32  # pixels of the images' sides
WIDTHS = [24, 48, 96]  # of the network's three groups: narrow, so that it is fast
BATCH, PREDICTED_BATCH = 250, 1000  # images
SMALLEST_BATCH, STEPS_OF_AN_EPOCH = 50, 50  # a small data set has smaller batches, so that an epoch has steps
EPOCHS, STEPS = 3, 200  # of each network's training; a small data set has more epochs, so that there are enough steps
LR, WEIGHT_DECAY, LABEL_SMOOTHING = 0.1, 1e-3, 0.1
WARMUP = 0.15  # share of the steps
SHIFT = 2  # pixels, at most, by random crops
CROP = crop.Options(crop=SHIFT)
FLIP = flip.Options(flip="alternate")
IMAGES_TO_START_FROM, SMALLEST_STD = 1_000, 1 / 255
ON_CPU = Setup(CPU, "fp32")


def cross_validated_logits(
    images: np.ndarray, labels: np.ndarray, classes: int, seed: int, setup: Setup = ON_CPU
) -> np.ndarray:
    """Return the logits of each image by a network that did not see it in training.

    The images are split into folds of about equal shares of each class. For each fold, a narrow `fast_cnn` is trained
    on the others. The logits are means over each image and its mirror image.

    Args:
        images: uint8 (n, h, w, 3). They are scaled to 32×32 pixels.
        labels: class ids, int64 (n,).
        classes: how many classes there are.
        seed: of all draws.
        setup: device and precision.

    Returns:
        float32 (n, classes).
    """
    folds = folds_of(labels, seed)
    logits = np.zeros((len(labels), classes), np.float32)
    pixels = torch.from_numpy(_scale(images)).to(setup.device)
    targets = torch.from_numpy(np.asarray(labels, np.int64)).to(setup.device)
    parts = [(torch.from_numpy(np.flatnonzero(folds != fold)), fold) for fold in range(FOLDS)]
    plans = [(rows, fold, _plan(len(rows))) for rows, fold in parts if 0 < len(rows) < len(labels)]
    bar = progress(sum(plan.steps * plan.batch for _, _, plan in plans), "cross-validation")
    for rows, fold, plan in plans:
        mean, std = _statistics(pixels[rows])
        prepare = partial(normalize, mean=mean, std=std)
        network = _train(pixels, targets, rows, classes, seed_for(seed, "fold", fold), setup, plan, prepare, bar.update)
        unseen = torch.from_numpy(np.flatnonzero(folds == fold))
        for batch in torch.split(unseen, PREDICTED_BATCH):
            logits[batch] = _predict(network, prepare(pixels[batch]), setup).cpu().numpy()
    bar.close()
    return logits


def folds_of(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return the fold of each image, int64 (n,). Each class is spread over the folds evenly, by draws from the seed.

    Args:
        labels: class ids, int64 (n,).
        seed: of the draws.
    """
    draw = np.random.default_rng(seed_for(seed, "folds"))
    shuffled = draw.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    folds = np.empty(len(labels), np.int64)
    folds[by_class] = np.arange(len(labels)) % FOLDS
    return folds


@dataclass(frozen=True)
class _Plan:
    """How a network is trained: images in a batch, steps of an epoch, and all steps."""

    batch: int
    steps_of_an_epoch: int
    steps: int


def _plan(count: int) -> _Plan:
    """Return how a network is trained on `count` images."""
    batch = min(count, BATCH, max(SMALLEST_BATCH, count // STEPS_OF_AN_EPOCH))
    steps = count // batch
    return _Plan(batch, steps, steps * max(EPOCHS, -(-STEPS // steps)))


def _scale(images: np.ndarray) -> np.ndarray:
    """Return images of 32×32 pixels, uint8 (n, 32, 32, 3)."""
    if images.shape[1:3] == (SIDE, SIDE):
        return np.ascontiguousarray(images)
    scaled = np.empty((len(images), SIDE, SIDE, 3), np.uint8)
    smaller = min(images.shape[1:3]) > SIDE
    for n, image in enumerate(images):
        scaled[n] = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return scaled


def _statistics(images: Tensor) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel, as fractions of 255, of some images, uint8 (n, h, w, 3)."""
    some = images[:: max(1, len(images) // IMAGES_TO_START_FROM)].double() / 255
    std = some.std((0, 1, 2), correction=0).clamp_min(SMALLEST_STD)
    return some.mean((0, 1, 2)).tolist(), std.tolist()


def _train(
    pixels: Tensor, targets: Tensor, rows: Tensor, classes: int, seed: int, setup: Setup, plan: _Plan,
    prepare: Callable[[Tensor], Tensor], update: Callable[[int], object],
) -> FastCNN:  # fmt: skip
    """Return a network that was trained on some of the images.

    Args:
        pixels: all images, uint8 (n, 32, 32, 3).
        targets: their class ids, int64 (n,).
        rows: indices of the training images, int64 (m,).
        classes: how many classes there are.
        seed: of the draws.
        setup: device and precision.
        plan: how it is trained.
        prepare: normalizes images.
        update: called with the number of images after each step.
    """
    torch.manual_seed(seed_for(seed, "weights"))
    architecture = FastCNNArchitecture(name="fast_cnn", widths=WIDTHS)
    network = architecture.build(classes, (SIDE, SIDE))
    architecture.initialize(network, lambda count: prepare(pixels[rows[: min(count, IMAGES_TO_START_FROM)]]))
    network = network.to(setup.device).to(memory_format=torch.channels_last)
    optimizer = build_optimizer(
        network, MuonOptions(name="muon"), (SIDE, SIDE), LR, WEIGHT_DECAY, architecture.bias_lr_factor
    )
    schedule, warmup = Triangular(name="triangular"), round(WARMUP * plan.steps)
    mirrored_first = torch.randint(2, (len(pixels),), generator=_generator(seed, "flip", 0))
    network.train()
    for step in range(plan.steps):
        epoch, place = divmod(step, plan.steps_of_an_epoch)
        if place == 0:
            order = rows[torch.randperm(len(rows), generator=_generator(seed, "order", epoch))]
            corners = torch.randint(2 * SHIFT + 1, (len(rows), 2), generator=_generator(seed, "crop", epoch))
        part = slice(place * plan.batch, (place + 1) * plan.batch)
        batch = order[part]
        images = crop.apply(prepare(pixels[batch]), corners[part].to(setup.device), CROP)
        images = flip.apply(images, ((mirrored_first[batch] + epoch) % 2 == 1).to(setup.device), FLIP)
        images = images.contiguous(memory_format=torch.channels_last)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(schedule, LR, step, plan.steps, warmup) * group["lr_factor"]
        with autocast(setup.device, setup.precision):
            logits = network(images)
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(logits.float(), targets[batch], label_smoothing=LABEL_SMOOTHING)
        loss.backward()  # type: ignore[no-untyped-call] # has no types
        with autocast(setup.device, setup.precision):
            optimizer.step()
        update(plan.batch)
    assert isinstance(network, FastCNN)
    return network.eval()


@torch.inference_mode()
def _predict(network: FastCNN, images: Tensor, setup: Setup) -> Tensor:
    """Return the mean logits of images and their mirror images, float32 (b, classes)."""
    with autocast(setup.device, setup.precision):
        views = (images, images.flip(3).contiguous(memory_format=torch.channels_last))
        return torch.stack([network(view).float() for view in views]).mean(0)


def _generator(seed: int, purpose: str, epoch: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed_for(seed, purpose, epoch))
