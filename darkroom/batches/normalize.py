"""Normalization of images, points and targets."""

from collections.abc import Sequence

import torch
from torch import Tensor

from darkroom.common.numbers import IGNORE_INDEX
from darkroom.datasets.description import Description
from darkroom.datasets.pairs import IGNORED


def normalize(images: Tensor, mean: list[float], std: list[float]) -> Tensor:
    """Normalize images with values from 0 to 255 (b, h, w, 3) to float32 (b, 3, h, w) in channels_last.

    Args:
        images: uint8, or float with values from 0 to 255.
        mean: of each channel over the training images, from 0 to 1.
        std: likewise.
    """
    b, height, width, channels = images.shape
    centre = torch.tensor(mean, device=images.device) * 255
    scale = 1 / (torch.tensor(std, device=images.device) * 255)
    rows = images.reshape(b, -1) - centre.repeat(
        height * width
    )  # broadcasting over long rows is 4× faster than over 3 channels
    rows *= scale.repeat(height * width)
    return rows.view(b, height, width, channels).permute(0, 3, 1, 2)


def standardize(numbers: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Standardize features or targets, float64 (n, columns), to float32 by the training points' mean and deviation.

    The difference is taken in float64: years or prices vary by less than float32 resolves.
    """
    centre, scale = (torch.tensor(values, dtype=torch.float64) for values in (mean, std))
    return ((numbers.double() - centre) / scale).float()


def standardized_targets(targets: Tensor, description: Description) -> Tensor:
    """Standardize numbers, float64 (n, 1), to float32; return class ids as they are."""
    if not targets.is_floating_point():
        return targets
    return standardize(targets, [description.target_mean], [description.target_std])


def mask_targets(masks: Tensor) -> Tensor:
    """Convert masks uint8 (b, h, w) to class ids int64, ignored pixels to `IGNORE_INDEX`."""
    return torch.where(masks == IGNORED, IGNORE_INDEX, masks.long())
