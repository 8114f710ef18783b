"""The first layer of networks made for large images, when they see small ones."""

from torch import nn

SMALL_IMAGE = 128  # sides up to this get a stem that keeps the image's resolution


def is_small(image_size: tuple[int, ...]) -> bool:
    """Return whether images of this (height, width) in pixels get the small stem."""
    return max(image_size) <= SMALL_IMAGE


def small_stem(channels: int) -> nn.Conv2d:
    """Return a 3×3 convolution without stride, as in He et al. (arXiv:1512.03385), section 4.2."""
    stem = nn.Conv2d(3, channels, 3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    return stem
