"""Training batches of a packed data set."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.batches import samplers
from darkroom.batches.augmentations import Drawn, Epoch, draw_all
from darkroom.batches.mixes import draw_mixes, mixes_of
from darkroom.batches.normalize import normalize
from darkroom.batches.parameters import ImageAugmentation
from darkroom.batches.prefetch import prefetch
from darkroom.batches.sizes import scale_down
from darkroom.common.errors import UserError
from darkroom.common.randomness import seed_for
from darkroom.datasets.description import Description
from darkroom.datasets.packed import read_split

SHARE_FOR_DATA = 0.5  # of a GPU's free memory; the model and its batches need the rest


class ImageBatches:
    """Training batches of images with one class each, augmented on the device.

    The data set is kept on the device where it fits beside a model, else in the memory of the host.

    Args:
        folder: of the prepared data set.
        description: of the data set.
        augmentation: of the images.
        batch_size: images in a batch, over all processes.
        seed: of the run.
        device: where the data set and its batches are.
        share: the part of each batch that this process gets. Draws do not depend on it.
        sampler: name of a module of `darkroom.batches.samplers`.

    Raises:
        UserError: the data set is too small for the batch size.
    """

    unit = "images"

    def __init__(
        self, folder: Path, description: Description, augmentation: ImageAugmentation, batch_size: int, seed: int,
        device: torch.device, share: slice = slice(None), sampler: str = "plain",
    ) -> None:  # fmt: skip
        if batch_size > description.images["train"]:
            raise UserError(
                f"params.yaml: train.batch_size = {batch_size}: only {description.images['train']} images to train on"
            )
        self.description, self.augmentation = description, augmentation
        self.batch_size, self.seed, self.device, self.share, self.sampler = batch_size, seed, device, share, sampler
        images, labels = read_split(folder, "train")
        self.images = torch.tensor(images, device=device if fits(images.nbytes, device) else "cpu")
        self.labels = torch.tensor(labels, device=device)
        self.steps = len(self.labels) // batch_size  # images that do not fill a batch are left out of the epoch
        # Number of epochs, and how often they showed each image.
        self._counted = 0, torch.zeros(len(self.labels), dtype=torch.int64)

    def two_views(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of one epoch with every image twice, augmented by different draws.

        Yields:
            Images, float (2b, 3, h, w) in channels_last, of which the second half shows the images of the first half
            again, and their class ids, int64 (2b,).
        """
        for views in zip(self.train(epoch), self.train(epoch, view=1), strict=True):
            images, labels = (torch.cat(parts) for parts in zip(*views, strict=True))
            yield images.contiguous(memory_format=torch.channels_last), labels

    def train(self, epoch: int, view: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of one epoch, shuffled and augmented by draws that depend on (seed, epoch, view) alone.

        Args:
            epoch: its number.
            view: views show the same images in the same order, augmented by different draws.

        Yields:
            Images in the size of the epoch, float (b, 3, h, w) in channels_last, and their class ids, int64 (b,), or
            with Mixup or CutMix the shares of their classes, float32 (b, classes).

        Raises:
            UserError: the images are too small for an augmentation.
        """
        order, sampled = self._order(epoch), self._sampled(epoch)
        times = torch.zeros(len(order), dtype=torch.int64)
        times[order] = self._times_before(epoch)[sampled[order]] + earlier_times(sampled[order])
        size = self.images.shape[1], self.images.shape[2]
        seed = seed_for(self.seed, "view", view) if view else self.seed
        rows = order[: self.steps * self.batch_size].view(self.steps, self.batch_size)
        mixes = []
        if choice := mixes_of(self.augmentation):
            draw = np.random.default_rng(seed_for(self.seed, "mix", epoch))
            mixes = draw_mixes(choice, self.steps, self.batch_size, size, draw, self.device)
        else:
            rows = rows[:, self.share]
        drawn = draw_all(self.augmentation, Epoch(epoch, seed, size, sampled, times), rows, self.device)
        for number, (images, labels) in enumerate(self._load(sampled[rows])):
            images = self._augment(images, drawn, number)
            if mixes:  # mix the whole batch first: an image may be mixed with one of another process
                images, labels = mixes[number].apply(images, labels, len(self.description.classes))
                images, labels = images[self.share], labels[self.share]
            yield scale_down(images, self.augmentation, epoch), labels

    def _order(self, epoch: int) -> Tensor:
        """Return the order of an epoch's rows, int64 (n,). The rows at the end that fill no batch are left out."""
        return torch.randperm(len(self.labels), generator=self._generator("order", epoch))

    def _sampled(self, epoch: int) -> Tensor:
        """Return the index of the image in each row of an epoch, int64 (n,)."""
        return samplers.sample(
            self.sampler, len(self.labels), lambda: self.class_counts() > 0, self._generator("sample", epoch)
        )

    def _times_before(self, epoch: int) -> Tensor:
        """Return how often each image was shown in the epochs before `epoch`, int64 (n,).

        With the plain sampler, an epoch counts for all images, also for those that it left out: then alternating flips
        differ in any two successive epochs. With other samplers, each epoch is counted once: counting continues from
        the previous call, or starts at epoch 0 in a resumed run.
        """
        if self.sampler == "plain":
            return torch.full((len(self.labels),), epoch)
        counted, times = self._counted if self._counted[0] <= epoch else (0, torch.zeros_like(self._counted[1]))
        for earlier in range(counted, epoch):
            rows = self._order(earlier)[: self.steps * self.batch_size]
            times = times + torch.bincount(self._sampled(earlier)[rows], minlength=len(times))
        self._counted = epoch, times
        return times

    def _load(self, indices: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images, uint8 (b, h, w, 3), and class ids, int64 (b,), of an epoch's batches, on the device.

        Args:
            indices: of the images in each batch, int64 (batches, b), on the CPU.
        """
        on_device = indices.to(self.device)
        if self.images.device == on_device.device:
            yield from ((self.images[batch], self.labels[batch]) for batch in on_device)
        else:
            loaded = prefetch(((self.images[batch],) for batch in indices), self.device)
            yield from ((images, self.labels[batch]) for (images,), batch in zip(loaded, on_device, strict=True))

    def _augment(self, images: Tensor, drawn: list[Drawn], batch: int) -> Tensor:
        """Return normalized and augmented images.

        Args:
            images: uint8 (b, h, w, 3).
            drawn: the augmentations with their draws, in the order in which they are applied.
            batch: number of the batch in its epoch.
        """
        if any(one.works_on_pixels for one in drawn):
            pixels = images.permute(0, 3, 1, 2).float()
            for one in drawn:
                pixels = one.apply(pixels, batch) if one.works_on_pixels else pixels
            images = pixels.permute(0, 2, 3, 1)
        images = normalize(images, self.description.mean, self.description.std)
        for one in drawn:
            images = images if one.works_on_pixels else one.apply(images, batch)
        return images

    def _generator(self, purpose: str, epoch: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed_for(self.seed, purpose, epoch))

    def class_counts(self) -> Tensor:
        """Return the one-hot class of each training image, int64 (n, classes)."""
        return F.one_hot(self.labels.cpu(), len(self.description.classes))

    def sample(self, count: int) -> Tensor:
        """Return the first `count` training images, normalized, float (n, 3, h, w)."""
        return normalize(self.images[:count].to(self.device), self.description.mean, self.description.std)


def fits(size: int, device: torch.device) -> bool:
    """Return whether `size` bytes take at most `SHARE_FOR_DATA` of the device's free memory. On the CPU, they do."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return size <= SHARE_FOR_DATA * free


def earlier_times(images: Tensor) -> Tensor:
    """Return how often each entry of a sequence occurs before it in the sequence.

    Args:
        images: int64 (n,).

    Returns:
        int64 (n,): 0 for the first occurrence of an entry, 1 for the second, and so on.
    """
    order = images.argsort(stable=True)
    values = images[order]
    starts = torch.searchsorted(values, values)  # where the equal entries begin
    times = torch.empty_like(images)
    times[order] = torch.arange(len(images)) - starts
    return times
