"""Batches of images and masks of varying size, augmented together in loader workers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from darkroom.batches.normalize import normalize, targets_of
from darkroom.batches.parameters import PairAugmentation
from darkroom.batches.pipeline import build_pipeline
from darkroom.common.errors import UserError
from darkroom.common.randomness import seed_for
from darkroom.datasets.description import Description
from darkroom.datasets.pairs import IGNORED, image_paths, mask_path, read_image, read_mask


class PairBatches:
    """Training batches of augmented crops.

    Images are float (b, 3, h, w) in channels_last, targets int64 (b, h, w) with -100 where nothing counts.
    Of several processes each takes its `share` of every batch of `batch_size` pairs.
    """

    def __init__(
        self, folder: Path, description: Description, augmentation: PairAugmentation, batch_size: int, seed: int,
        device: torch.device, workers: int, share: slice = slice(None),
    ) -> None:  # fmt: skip
        paths = image_paths(folder, "train")
        if batch_size > len(paths):
            raise UserError(f"params.yaml: train.batch_size = {batch_size}: only {len(paths)} images to train on")
        self.folder, self.description = folder, description
        self.batch_size, self.seed, self.device, self.workers = batch_size, seed, device, workers
        self.share = share
        self.pairs = AugmentedPairs(folder, paths, augmentation, seed)
        self.steps = len(paths) // batch_size

    def train(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch, shuffled by (seed, epoch), each pair augmented by (seed, epoch, index)."""
        order = np.random.default_rng(seed_for(self.seed, "order", epoch)).permutation(len(self.pairs))
        batches = order[: self.steps * self.batch_size].reshape(self.steps, self.batch_size)
        loader = DataLoader(
            self.pairs,
            batch_sampler=[[(epoch, int(index)) for index in batch[self.share]] for batch in batches],
            num_workers=self.workers,
            generator=torch.Generator(),  # of its own, so that the global one stays where it is
            pin_memory=self.device.type == "cuda",
        )
        for images, masks in loader:
            images = images.to(self.device, non_blocking=True)
            yield normalize(images, self.description), targets_of(masks.to(self.device, non_blocking=True))

    def class_counts(self) -> Tensor:
        """Pixels of each class in the training masks, int64 (classes,)."""
        counts = np.zeros(IGNORED + 1, np.int64)
        for path in self.pairs.paths:
            counts += np.bincount(read_mask(mask_path(self.folder, "train", path.stem)).ravel(), minlength=len(counts))
        return torch.from_numpy(counts[: len(self.description.classes)])

    def sample(self, count: int) -> Tensor:
        """The first `count` training pairs of epoch 0, normalized crops; float (n, 3, crop, crop)."""
        images = [self.pairs[0, index][0] for index in range(min(count, len(self.pairs)))]
        return normalize(torch.from_numpy(np.stack(images)).to(self.device), self.description)


class AugmentedPairs(Dataset):
    """Pairs by (epoch, index): the crop of an image, uint8 (crop, crop, 3), and of its mask, uint8 (crop, crop)."""

    def __init__(self, folder: Path, paths: list[Path], augmentation: PairAugmentation, seed: int) -> None:
        self.folder, self.paths, self.seed = folder, paths, seed
        self.pipeline = build_pipeline(augmentation)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, key: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        epoch, index = key
        path = self.paths[index]
        self.pipeline.set_random_seed(seed_for(self.seed, "augment", epoch, index) >> 31)  # it takes 32 bits
        pair = self.pipeline(image=read_image(path), mask=read_mask(mask_path(self.folder, "train", path.stem)))
        return pair["image"], pair["mask"]
