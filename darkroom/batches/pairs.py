"""Batches of images and masks of varying size, augmented together in loader workers."""

from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from darkroom.batches import samplers
from darkroom.batches.copy_paste import paste_object
from darkroom.batches.normalize import mask_targets, normalize
from darkroom.batches.parameters import PairAugmentation
from darkroom.batches.pipeline import build_pipeline
from darkroom.common.errors import UserError
from darkroom.common.parallel import KILLED
from darkroom.common.randomness import seed_for
from darkroom.datasets.description import Description
from darkroom.datasets.pairs import IGNORED, image_paths, mask_path, read_image, read_mask


class PairBatches:
    """Training batches of augmented crops.

    Images are float (b, 3, h, w) in channels_last, targets int64 (b, h, w) with -100 where nothing counts.
    Of several processes each takes its `share` of every batch of `batch_size` pairs.
    """

    unit = "images"

    def __init__(
        self, folder: Path, description: Description, augmentation: PairAugmentation, batch_size: int, seed: int,
        device: torch.device, workers: int, share: slice = slice(None), sampler: str = "plain",
    ) -> None:  # fmt: skip
        paths = image_paths(folder, "train")
        if batch_size > len(paths):
            raise UserError(f"params.yaml: train.batch_size = {batch_size}: only {len(paths)} images to train on")
        self.description, self.batch_size, self.seed = description, batch_size, seed
        self.device, self.workers, self.share, self.sampler = device, workers, share, sampler
        self.normalize = partial(normalize, mean=description.mean, std=description.std)
        self.pairs = AugmentedPairs(folder, paths, augmentation, seed, len(description.classes))
        self.steps = len(paths) // batch_size

    def train(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch, shuffled by (seed, epoch), each pair augmented by (seed, epoch, row).

        Raises:
            UserError: a process that loads pairs was killed.
        """
        order = np.random.default_rng(seed_for(self.seed, "order", epoch)).permutation(len(self.pairs))
        shown = self._shown(epoch)
        batches = order[: self.steps * self.batch_size].reshape(self.steps, self.batch_size)
        loader = DataLoader(
            self.pairs,
            batch_sampler=[[(epoch, int(row), shown[row]) for row in batch[self.share]] for batch in batches],
            num_workers=self.workers,
            generator=torch.Generator(),  # of its own, so that the global one stays where it is
            pin_memory=self.device.type == "cuda",
        )
        try:
            for images, masks in loader:
                images = images.to(self.device, non_blocking=True)
                yield self.normalize(images), mask_targets(masks.to(self.device, non_blocking=True))
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise UserError(f"params.yaml: train.workers = {self.workers}: {KILLED}") from None

    def _shown(self, epoch: int) -> list[int]:
        """The index of the pair that each row of an epoch shows."""
        if self.sampler == "plain":  # counting classes would read every mask for nothing
            return list(range(len(self.pairs)))
        draw = torch.Generator().manual_seed(seed_for(self.seed, "sample", epoch))
        return samplers.sample(self.sampler, self.class_counts() > 0, draw).tolist()

    def class_counts(self) -> Tensor:
        """Pixels of each class in each training mask, int64 (n, classes)."""
        return torch.from_numpy(self.pairs.pixels)

    def sample(self, count: int) -> Tensor:
        """The first `count` training pairs of epoch 0, normalized crops; float (n, 3, crop, crop)."""
        images = [self.pairs[0, index, index][0] for index in range(min(count, len(self.pairs)))]
        return self.normalize(torch.from_numpy(np.stack(images)).to(self.device))


class AugmentedPairs(Dataset):
    """Pairs by (epoch, row, index): crops of an image, uint8 (crop, crop, 3), and of its mask, uint8 (crop, crop).

    An index that an epoch shows in several rows is augmented by draws of its own in each.
    """

    def __init__(
        self, folder: Path, paths: list[Path], augmentation: PairAugmentation, seed: int, classes: int
    ) -> None:
        self.folder, self.paths, self.seed, self.classes = folder, paths, seed, classes
        self.copy_paste = augmentation.copy_paste
        self.pipeline = build_pipeline(augmentation)
        if self.copy_paste:
            self.shows = self.pixels > 0  # counted here, once, and not in each worker

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, key: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
        epoch, row, index = key
        image, mask = self._read(index)
        draw = np.random.default_rng(seed_for(self.seed, "copy_paste", epoch, row))
        if self.copy_paste and draw.random() < self.copy_paste:
            image, mask = paste_object(image, mask, *self._read(self._donor(draw)), draw)
        self.pipeline.set_random_seed(seed_for(self.seed, "augment", epoch, row) >> 31)  # it takes 32 bits
        pair = self.pipeline(image=image, mask=mask)
        return pair["image"].copy(), pair["mask"].copy()  # where they are views of what Pillow lets no one write to

    @cached_property
    def pixels(self) -> np.ndarray:
        """Of each class in each mask, int64 (n, classes)."""
        masks = (read_mask(mask_path(self.folder, "train", path.stem)) for path in self.paths)
        return np.stack([np.bincount(mask.ravel(), minlength=IGNORED + 1)[: self.classes] for mask in masks])

    def _donor(self, draw: np.random.Generator) -> int:
        """A pair that shows some class: all classes but the background are equally likely, then all its images."""
        present = np.flatnonzero(self.shows[:, 1:].any(0)) + 1
        if not len(present):
            return 0
        return int(draw.choice(np.flatnonzero(self.shows[:, draw.choice(present)])))

    def _read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        path = self.paths[index]
        return read_image(path), read_mask(mask_path(self.folder, "train", path.stem))
