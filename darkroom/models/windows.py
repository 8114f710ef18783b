"""Logits of images that are larger than the training crops, combined from overlapping windows."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

WINDOWS_AT_ONCE = 8  # so that a larger image does not need more GPU memory


def windowed_logits(model: nn.Module, images: Tensor, window: Sequence[int]) -> Tensor:
    """Return the logits of images of any size, computed in windows that overlap by at least half.

    A pixel's logits are the mean over the windows that contain it. An image that is not larger than a window is one
    window.

    Args:
        model: Takes images (b, 3, h, w) and returns logits (b, classes, h, w).
        images: Normalized, float (b, 3, h, w).
        window: (height, width) of the training crops in pixels.

    Returns:
        float32 (b, classes, h, w).
    """
    return torch.cat([_of_image(model, image[None], window) for image in images])


def _of_image(model: nn.Module, image: Tensor, window: Sequence[int]) -> Tensor:
    """Return the logits (1, classes, h, w) of one image (1, 3, h, w)."""
    height, width = (min(side, limit) for side, limit in zip(image.shape[2:], window, strict=True))
    corners = [(y, x) for y in _starts(image.shape[2], height) for x in _starts(image.shape[3], width)]
    if len(corners) == 1:
        whole: Tensor = model(image)
        return whole.float()
    total = windows = torch.empty(0)
    for start in range(0, len(corners), WINDOWS_AT_ONCE):
        group = corners[start : start + WINDOWS_AT_ONCE]
        crops = torch.cat([image[:, :, y : y + height, x : x + width] for y, x in group])
        logits: Tensor = model(crops.contiguous(memory_format=torch.channels_last)).float()
        if start == 0:
            total = logits.new_zeros(1, logits.shape[1], *image.shape[2:])
            windows = logits.new_zeros(image.shape[2:])
        for (y, x), one in zip(group, logits, strict=True):
            total[0, :, y : y + height, x : x + width] += one
            windows[y : y + height, x : x + width] += 1
    return total / windows


def _starts(side: int, window: int) -> list[int]:
    """Return where the windows along a side begin: evenly spaced, at most half a window apart, in pixels."""
    steps = math.ceil(2 * (side - window) / window)
    return [round(step * (side - window) / max(1, steps)) for step in range(steps + 1)]
