"""Batches of a packed data set that lies on the training device as a whole."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from darkroom.batches.augment import Draws, augment
from darkroom.batches.mix import mix
from darkroom.batches.normalize import normalize
from darkroom.batches.parameters import ImageAugmentation
from darkroom.batches.policies import Plan, apply, draw_plan, jitter_plan
from darkroom.common.errors import UserError
from darkroom.common.randomness import seed_for
from darkroom.datasets.description import Description
from darkroom.datasets.packed import read_split


class ImageBatches:
    """Training batches: images float (b, 3, h, w) in channels_last, class ids int64 (b,).

    Mixup and CutMix give shares of the classes instead, float32 (b, classes). Of several processes each takes
    its `share` of every batch of `batch_size` images, and the draws are those of one.
    """

    def __init__(
        self, folder: Path, description: Description, augmentation: ImageAugmentation, batch_size: int, seed: int,
        device: torch.device, share: slice = slice(None),
    ) -> None:  # fmt: skip
        height, width = description.image_size
        if augmentation.crop >= min(height, width):
            raise UserError(f"params.yaml: augment.crop = {augmentation.crop}: the images have {height}×{width} pixels")
        if batch_size > description.images["train"]:
            raise UserError(
                f"params.yaml: train.batch_size = {batch_size}: only {description.images['train']} images to train on"
            )
        self.description, self.augmentation = description, augmentation
        self.batch_size, self.seed, self.device, self.share = batch_size, seed, device, share
        images, labels = read_split(folder, "train")
        self.images, self.labels = torch.tensor(images, device=device), torch.tensor(labels, device=device)
        self.steps = len(self.labels) // batch_size  # the rest of an epoch's images waits for another epoch

    def train(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch, shuffled and augmented by draws that depend on (seed, epoch) alone."""
        order = torch.randperm(
            len(self.labels), generator=torch.Generator().manual_seed(seed_for(self.seed, "order", epoch))
        ).to(self.device)
        size = tuple(self.images.shape[1:3])
        draws = Draws.of_epoch(self.augmentation, len(self.labels), size, self.seed, epoch, self.device)
        plans = self._plans(epoch)
        mixing = np.random.default_rng(seed_for(self.seed, "mix", epoch))
        mixed = self.augmentation.mixup or self.augmentation.cutmix
        for indices in order[: self.steps * self.batch_size].split(self.batch_size):
            images, labels = self._augmented(indices if mixed else indices[self.share], draws, plans)
            if mixed:  # with images that are another process's
                images, labels = mix(images, labels, len(self.description.classes), self.augmentation, mixing)
                images, labels = images[self.share], labels[self.share]
            yield images, labels

    def _augmented(self, indices: Tensor, draws: Draws, plans: list[Plan]) -> tuple[Tensor, Tensor]:
        images = self.images[indices]
        if plans:
            pixels = images.permute(0, 3, 1, 2).float()
            for plan in plans:
                pixels = apply(pixels, plan.at(indices.cpu()))
            images = pixels.permute(0, 2, 3, 1)
        images = normalize(images, self.description)
        return augment(images, self.augmentation, draws.at(indices)), self.labels[indices]

    def _plans(self, epoch: int) -> list[Plan]:
        """What is done to the pixels of each image in one epoch, drawn from (seed, purpose, epoch)."""
        count, side, augmentation = len(self.labels), self.images.shape[1], self.augmentation
        plans = []
        if augmentation.policy != "none":
            draw = torch.Generator().manual_seed(seed_for(self.seed, "policy", epoch))
            plans.append(draw_plan(augmentation.policy, count, side, draw))
        if augmentation.jitter:
            draw = torch.Generator().manual_seed(seed_for(self.seed, "jitter", epoch))
            plans.append(jitter_plan(augmentation.jitter, count, draw))
        return plans

    def class_counts(self) -> Tensor:
        """Training images of each class, int64 (classes,)."""
        return self.labels.bincount(minlength=len(self.description.classes)).cpu()

    def sample(self, count: int) -> Tensor:
        """The first `count` training images, normalized; float (n, 3, h, w)."""
        return normalize(self.images[:count], self.description)
