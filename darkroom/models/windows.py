"""Images larger than a network was trained on, shown to it by windows: in validation and evaluation alike."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

WINDOWS_AT_ONCE = 8  # so that the memory that an image needs does not grow with it


def windowed_logits(model: nn.Module, images: Tensor, window: Sequence[int]) -> Tensor:
    """Logits float32 (b, classes, h, w) of images (b, 3, h, w), each shown to `model` by windows that overlap by half.

    A pixel's logits are the mean of those that the windows give it. An image that fits into one goes through whole.

    Args:
        window: (height, width) in pixels, that of the crops of training.
    """
    return torch.cat([_of_image(model, image[None], window) for image in images])


def _of_image(model: nn.Module, image: Tensor, window: Sequence[int]) -> Tensor:
    """Logits (1, classes, h, w) of one image (1, 3, h, w)."""
    height, width = (min(side, limit) for side, limit in zip(image.shape[2:], window, strict=True))
    corners = [(y, x) for y in _starts(image.shape[2], height) for x in _starts(image.shape[3], width)]
    if len(corners) == 1:
        return model(image).float()
    total = times = None
    for start in range(0, len(corners), WINDOWS_AT_ONCE):
        some = corners[start : start + WINDOWS_AT_ONCE]
        shown = torch.cat([image[:, :, y : y + height, x : x + width] for y, x in some])
        logits = model(shown.contiguous(memory_format=torch.channels_last)).float()
        if total is None:
            total = logits.new_zeros(1, logits.shape[1], *image.shape[2:])
            times = logits.new_zeros(image.shape[2:])
        for (y, x), one in zip(some, logits, strict=True):
            total[0, :, y : y + height, x : x + width] += one
            times[y : y + height, x : x + width] += 1
    return total / times


def _starts(side: int, window: int) -> list[int]:
    """Where windows begin that cover `side` pixels, even steps of half of `window` at most apart."""
    steps = math.ceil(2 * (side - window) / window)
    return [round(step * (side - window) / max(1, steps)) for step in range(steps + 1)]
