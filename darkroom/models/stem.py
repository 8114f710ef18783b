"""The first layer for small images, in networks that were designed for large ones."""

from torch import nn

SMALL_IMAGE = 128  # pixels; up to this size the first layer keeps the resolution


def is_small(image_size: tuple[int, ...]) -> bool:
    """Return whether images of this (height, width) in pixels get `small_stem`."""
    return max(image_size) <= SMALL_IMAGE


def small_stem(channels: int) -> nn.Conv2d:
    """Return a 3×3 convolution without stride, as in He et al. (arXiv:1512.03385), section 4.2."""
    stem = nn.Conv2d(3, channels, 3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    return stem
