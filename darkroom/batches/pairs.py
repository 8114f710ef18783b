"""Training batches of images and masks of any size, augmented together in loader workers."""

from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from darkroom.batches import samplers
from darkroom.batches.copy_paste import paste_object
from darkroom.batches.normalize import mask_targets, normalize
from darkroom.batches.parameters import PairAugmentation
from darkroom.batches.pipeline import build_pipeline
from darkroom.batches.prefetch import prefetch
from darkroom.common.errors import UserError
from darkroom.common.parallel import KILLED
from darkroom.common.randomness import seed_for
from darkroom.datasets.description import Description
from darkroom.datasets.pairs import IGNORED, image_paths, mask_path, read_image, read_mask


class PairBatches:
    """Training batches of augmented crops of images and their masks.

    Args:
        folder: of the prepared data set.
        description: of the data set.
        augmentation: of the pairs.
        batch_size: pairs in a batch, over all processes.
        seed: of the run.
        device: where the batches are put.
        workers: number of processes that load and augment pairs. 0: this process does it.
        share: the part of each batch that this process gets. Draws do not depend on it.
        sampler: name of a module of `darkroom.batches.samplers`.

    Raises:
        UserError: the data set is too small for the batch size.
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
        self._keys: list[list[tuple[int, int, int]]] = []  # of the pairs in each batch of the present epoch
        self._loader = DataLoader(
            self.pairs,
            batch_sampler=self._keys,
            num_workers=workers,
            generator=torch.Generator(),  # otherwise the loader would draw from the global one
            persistent_workers=workers > 0,  # where processes are spawned, starting one takes seconds
            worker_init_fn=_use_one_thread,
        )
        if workers:
            # Here too, as forked workers would inherit OpenCV's threads as set, but could not end them.
            _use_one_thread()

    def train(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of one epoch. The order depends on (seed, epoch), a pair's draws on (seed, epoch, row).

        Yields:
            Images, float (b, 3, crop, crop) in channels_last, and targets, int64 (b, crop, crop), in which
            `IGNORE_INDEX` marks ignored pixels.

        Raises:
            UserError: a process that loads pairs was killed.
        """
        order = np.random.default_rng(seed_for(self.seed, "order", epoch)).permutation(len(self.pairs))
        sampled = self._sampled(epoch)
        batches = order[: self.steps * self.batch_size].reshape(self.steps, self.batch_size)
        self._keys[:] = [[(epoch, int(row), sampled[row]) for row in batch[self.share]] for batch in batches]
        try:
            for images, masks in prefetch(self._loader, self.device):
                yield self.normalize(images), mask_targets(masks)
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise UserError(f"params.yaml: train.workers = {self.workers}: {KILLED}") from None

    def _sampled(self, epoch: int) -> list[int]:
        """Return the index of the pair in each row of an epoch."""
        draw = torch.Generator().manual_seed(seed_for(self.seed, "sample", epoch))
        indices: list[int] = samplers.sample(
            self.sampler, len(self.pairs), lambda: self.class_counts() > 0, draw
        ).tolist()
        return indices

    def class_counts(self) -> Tensor:
        """Return the number of pixels of each class in each training mask, int64 (n, classes)."""
        return torch.from_numpy(self.pairs.pixels)

    def sample(self, count: int) -> Tensor:
        """Return normalized crops of the first `count` training images, float (n, 3, crop, crop)."""
        images = [self.pairs[0, index, index][0] for index in range(min(count, len(self.pairs)))]
        return self.normalize(torch.from_numpy(np.stack(images)).to(self.device))


def _use_one_thread(_worker: int = 0) -> None:
    """Let OpenCV use one thread in this process, since there are as many workers as cores."""
    cv2.setNumThreads(1)


class AugmentedPairs(Dataset[tuple[NDArray[np.uint8], NDArray[np.uint8]]]):
    """Augmented crops of training images, uint8 (crop, crop, 3), and of their masks, uint8 (crop, crop).

    The key of a pair is (epoch, row of the epoch, index of the image). Its draws depend on the epoch and the row: where
    a sampler repeats an image, each repetition is augmented differently.

    Args:
        folder: of the prepared data set.
        paths: of the training images.
        augmentation: of the pairs.
        seed: of the run.
        classes: their number.
    """

    def __init__(
        self, folder: Path, paths: list[Path], augmentation: PairAugmentation, seed: int, classes: int
    ) -> None:
        self.folder, self.paths, self.seed, self.classes = folder, paths, seed, classes
        self.copy_paste = augmentation.copy_paste
        self.pipeline = build_pipeline(augmentation)
        if self.copy_paste:
            self.has_class = self.pixels > 0  # counted here once instead of in each worker

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, key: tuple[int, int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        epoch, row, index = key
        image, mask = self._read(index)
        draw = np.random.default_rng(seed_for(self.seed, "copy_paste", epoch, row))
        if self.copy_paste and draw.random() < self.copy_paste:
            image, mask = paste_object(image, mask, *self._read(self._donor(draw)), draw)
        self.pipeline.set_random_seed(seed_for(self.seed, "augment", epoch, row) >> 31)  # albumentations takes 32 bits
        pair = self.pipeline(image=image, mask=mask)
        return pair["image"].copy(), pair["mask"].copy()  # they may be views of Pillow's read-only memory

    @cached_property
    def pixels(self) -> NDArray[np.int64]:
        """Number of pixels of each class in each mask, int64 (n, classes)."""
        masks = (read_mask(mask_path(self.folder, "train", path.stem)) for path in self.paths)
        return np.stack([np.bincount(mask.ravel(), minlength=IGNORED + 1)[: self.classes] for mask in masks])

    def _donor(self, draw: np.random.Generator) -> int:
        """Draw the index of an image to paste an object from.

        All classes but the background are equally likely, and so are all images that show the drawn class.
        """
        present = np.flatnonzero(self.has_class[:, 1:].any(0)) + 1
        if not len(present):
            return 0
        return int(draw.choice(np.flatnonzero(self.has_class[:, draw.choice(present)])))

    def _read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        path = self.paths[index]
        return read_image(path), read_mask(mask_path(self.folder, "train", path.stem))
