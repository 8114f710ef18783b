"""Logits of images that are larger than the training crops, combined from overlapping windows."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

WINDOWS_AT_ONCE = 8  # so that more or larger images do not need more GPU memory


def windowed_logits(
    model: Callable[[Tensor], Tensor], batches: Iterable[Tensor], window: Sequence[int]
) -> Iterator[Tensor]:
    """Yield the logits of images of any size, computed in windows that overlap by at least half.

    A pixel's logits are the mean over the windows that contain it. An image that is not larger than a window is one
    window. Windows of one size go through the network together, also those of different images.

    Args:
        model: Takes images (b, 3, h, w) and returns logits (b, classes, h, w).
        batches: Normalized images, each float (b, 3, h, w). Up to `WINDOWS_AT_ONCE` are taken before the first logits.
        window: (height, width) of the training crops in pixels.

    Yields:
        The logits of each batch, float32 (b, classes, h, w).
    """
    means: deque[_Mean] = deque()
    waiting: list[tuple[_Mean, int, int, int]] = []  # windows: their mean, image, top and left

    def compute() -> None:
        crops = torch.stack([mean.crop(*place) for mean, *place in waiting])
        logits = model(crops.contiguous(memory_format=torch.channels_last)).float()
        for (mean, *place), one in zip(waiting, logits, strict=True):
            mean.add(one, *place)
        waiting.clear()

    for images in batches:
        means.append(_Mean(images, window))
        if waiting and waiting[0][0].size != means[-1].size:
            compute()
        for place in means[-1].places:
            waiting.append((means[-1], *place))
            if len(waiting) == WINDOWS_AT_ONCE:
                compute()
        while means and means[0].is_complete:
            yield means.popleft().logits
    if waiting:
        compute()
    yield from (mean.logits for mean in means)


class _Mean:
    """The mean logits over the windows of images of one size.

    Attributes:
        size: (height, width) of the windows in pixels.
        places: image, top and left of each window.

    Args:
        images: Float (b, 3, h, w).
        window: (height, width) of the training crops in pixels.
    """

    def __init__(self, images: Tensor, window: Sequence[int]) -> None:
        self.images = images
        self.size = tuple(min(side, limit) for side, limit in zip(images.shape[2:], window, strict=True))
        rows, columns = (_starts(side, limit) for side, limit in zip(images.shape[2:], self.size, strict=True))
        self.places = [(image, y, x) for image in range(len(images)) for y in rows for x in columns]
        self._added = 0
        self._total = torch.empty(0)
        self._windows = images.new_zeros(images.shape[2:], dtype=torch.float32)
        for y in rows:
            for x in columns:
                self._windows[y : y + self.size[0], x : x + self.size[1]] += 1

    def crop(self, image: int, y: int, x: int) -> Tensor:
        """Return a window, (3, height, width)."""
        return self.images[image, :, y : y + self.size[0], x : x + self.size[1]]

    def add(self, logits: Tensor, image: int, y: int, x: int) -> None:
        """Add the logits of a window, float32 (classes, height, width)."""
        if not self._added:
            self._total = logits.new_zeros(len(self.images), len(logits), *self.images.shape[2:])
        self._total[image, :, y : y + self.size[0], x : x + self.size[1]] += logits
        self._added += 1

    @property
    def is_complete(self) -> bool:
        """Whether all windows were added."""
        return self._added == len(self.places)

    @property
    def logits(self) -> Tensor:
        """The mean, float32 (b, classes, h, w)."""
        return self._total / self._windows


def _starts(side: int, window: int) -> list[int]:
    """Return where the windows along a side begin: evenly spaced, at most half a window apart, in pixels."""
    steps = math.ceil(2 * (side - window) / window)
    return [round(step * (side - window) / max(1, steps)) for step in range(steps + 1)]
