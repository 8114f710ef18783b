"""Batches of a packed data set that lies on the training device as a whole."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.batches import samplers
from darkroom.batches.augment import Draws, augment, flips
from darkroom.batches.mix import mix
from darkroom.batches.normalize import normalize
from darkroom.batches.operations import Plan, apply, jitter_plan
from darkroom.batches.parameters import ImageAugmentation
from darkroom.batches.policies import draw_plan
from darkroom.common.errors import UserError
from darkroom.common.randomness import seed_for
from darkroom.datasets.description import Description
from darkroom.datasets.packed import read_split


class ImageBatches:
    """Training batches: images float (b, 3, h, w) in channels_last, class ids int64 (b,).

    Mixup and CutMix give shares of the classes instead, float32 (b, classes). Of several processes each takes
    its `share` of every batch of `batch_size` images, and the draws are those of one.
    """

    unit = "images"

    def __init__(
        self, folder: Path, description: Description, augmentation: ImageAugmentation, batch_size: int, seed: int,
        device: torch.device, share: slice = slice(None), sampler: str = "plain",
    ) -> None:  # fmt: skip
        height, width = description.image_size
        if augmentation.crop >= min(height, width):
            raise UserError(f"params.yaml: augment.crop = {augmentation.crop}: the images have {height}×{width} pixels")
        if batch_size > description.images["train"]:
            raise UserError(
                f"params.yaml: train.batch_size = {batch_size}: only {description.images['train']} images to train on"
            )
        self.description, self.augmentation = description, augmentation
        self.batch_size, self.seed, self.device, self.share, self.sampler = batch_size, seed, device, share, sampler
        images, labels = read_split(folder, "train")
        self.images, self.labels = torch.tensor(images, device=device), torch.tensor(labels, device=device)
        self.steps = len(self.labels) // batch_size  # the rest of an epoch's images waits for another epoch
        self._counted = 0, torch.zeros(len(self.labels), dtype=torch.int64)  # epochs, and how often they showed each

    def two_views(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch, every image twice and augmented each time anew: (2b, 3, h, w), (2b,)."""
        for views in zip(self.train(epoch), self.train(epoch, view=1), strict=True):
            images, labels = (torch.cat(parts) for parts in zip(*views, strict=True))
            yield images.contiguous(memory_format=torch.channels_last), labels

    def train(self, epoch: int, view: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch, shuffled and augmented by draws that depend on (seed, epoch) alone.

        Another `view` is of the same images in the same order, augmented by other draws.
        """
        order, shown = self._order(epoch), self._shown(epoch)
        times = torch.zeros(len(order), dtype=torch.int64)
        times[order] = self._times_shown(epoch)[shown[order]] + earlier_times(shown[order])
        size = tuple(self.images.shape[1:3])
        seed = seed_for(self.seed, "view", view) if view else self.seed
        flipped = flips(self.augmentation.flip, shown, times, seed, epoch)
        draws = Draws.of_epoch(self.augmentation, len(self.labels), size, seed, epoch, self.device, flipped)
        plans = self._plans(seed, epoch)
        mixing = np.random.default_rng(seed_for(self.seed, "mix", epoch))
        mixed = self.augmentation.mixup or self.augmentation.cutmix
        order, shown = order.to(self.device), shown.to(self.device)
        for rows in order[: self.steps * self.batch_size].split(self.batch_size):
            own = rows if mixed else rows[self.share]
            images, labels = self._augmented(shown[own], draws.at(own), [plan.at(own.cpu()) for plan in plans])
            if mixed:  # with images that are another process's
                images, labels = mix(images, labels, len(self.description.classes), self.augmentation, mixing)
                images, labels = images[self.share], labels[self.share]
            yield images, labels

    def _order(self, epoch: int) -> Tensor:
        """The rows of an epoch as they follow one another, those that no batch takes at the end; int64 (n,)."""
        return torch.randperm(len(self.labels), generator=self._generator("order", epoch))

    def _shown(self, epoch: int) -> Tensor:
        """The image that each row of an epoch shows; int64 (n,)."""
        return samplers.sample(self.sampler, self.class_counts() > 0, self._generator("sample", epoch))

    def _times_shown(self, epoch: int) -> Tensor:
        """How often each image was shown in the epochs before this one; int64 (n,).

        Counted on from the last call, and from the start where a run goes on from its file. Of the plain sampler each
        epoch counts, for the images too that it left over, so that any two epochs that follow each other differ.
        """
        if self.sampler == "plain":
            return torch.full((len(self.labels),), epoch)
        counted, times = self._counted if self._counted[0] <= epoch else (0, torch.zeros_like(self._counted[1]))
        for earlier in range(counted, epoch):
            rows = self._order(earlier)[: self.steps * self.batch_size]
            times = times + torch.bincount(self._shown(earlier)[rows], minlength=len(times))
        self._counted = epoch, times
        return times

    def _augmented(self, indices: Tensor, draws: Draws, plans: list[Plan]) -> tuple[Tensor, Tensor]:
        """The images at `indices` (b,), with draws and plans of one row for each of them."""
        images = self.images[indices]
        if plans:
            pixels = images.permute(0, 3, 1, 2).float()
            for plan in plans:
                pixels = apply(pixels, plan)
            images = pixels.permute(0, 2, 3, 1)
        images = normalize(images, self.description.mean, self.description.std)
        return augment(images, self.augmentation, draws), self.labels[indices]

    def _plans(self, seed: int, epoch: int) -> list[Plan]:
        """What is done to the pixels of each image shown in one epoch, drawn from (seed, purpose, epoch)."""

        def generator(purpose: str) -> torch.Generator:
            return torch.Generator().manual_seed(seed_for(seed, purpose, epoch))

        count, side, augmentation = len(self.labels), self.images.shape[1], self.augmentation
        plans = []
        if augmentation.policy != "none":
            plans.append(draw_plan(augmentation.policy, count, side, generator("policy")))
        if augmentation.jitter:
            plans.append(jitter_plan(augmentation.jitter, count, generator("jitter")))
        return plans

    def _generator(self, purpose: str, epoch: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed_for(self.seed, purpose, epoch))

    def class_counts(self) -> Tensor:
        """What there is of each class in each image, int64 (n, classes): 1 of its own."""
        return F.one_hot(self.labels.cpu(), len(self.description.classes))

    def sample(self, count: int) -> Tensor:
        """The first `count` training images, normalized; float (n, 3, h, w)."""
        return normalize(self.images[:count], self.description.mean, self.description.std)


def earlier_times(images: Tensor) -> Tensor:
    """Count how often each entry of a sequence of images, int64 (n,), occurs before it; int64 (n,)."""
    order = images.argsort(stable=True)
    values = images[order]
    starts = torch.searchsorted(values, values)  # where the run of equal ones begins
    times = torch.empty_like(images)
    times[order] = torch.arange(len(images)) - starts
    return times
