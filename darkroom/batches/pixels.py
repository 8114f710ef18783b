"""Operations on the pixels of whole batches, with one strength for each image.

All operations take images, float (b, 3, h, w) with integral values from 0 to 255, and strengths, float (b,), and return
images of the same form. They are the operations of AutoAugment, with the results of Pillow and torchvision.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

GREY_WEIGHTS = (0.2989, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)
CENTRE = 5  # of Pillow's smoothing kernel of 3 × 3 pixels, before it is divided by its sum; the others are 1


def identity(images: Tensor, _: Tensor) -> Tensor:
    """Return the images unchanged."""
    return images


def brightness(images: Tensor, strength: Tensor) -> Tensor:
    """Make images brighter, or darker where `strength` is negative; -1 gives black."""
    return _blend(images, torch.zeros_like(images), strength)


def colour(images: Tensor, strength: Tensor) -> Tensor:
    """Make colours stronger, or greyer where `strength` is negative; -1 gives grey."""
    return _blend(images, _grey(images), strength)


def contrast(images: Tensor, strength: Tensor) -> Tensor:
    """Raise the contrast, or lower it where `strength` is negative; -1 gives the mean grey."""
    return _blend(images, _grey(images).mean(dim=(1, 2, 3), keepdim=True), strength)


def sharpness(images: Tensor, strength: Tensor) -> Tensor:
    """Sharpen images, or smooth them where `strength` is negative. The pixels at the border do not change."""
    kernel = images.new_ones(3, 1, 3, 3)  # not from a list, which would be copied to the device
    kernel[:, :, 1, 1].fill_(CENTRE)
    kernel /= 8 + CENTRE
    smooth = images.clone()
    smooth[:, :, 1:-1, 1:-1] = F.conv2d(images, kernel, groups=3).round()
    return _blend(images, smooth, strength)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the upper `bits` of the eight bits of each value."""
    step = 2 ** (8 - _broadcastable(bits))
    return (images / step).floor() * step


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert values from `threshold` on, a fraction of 255."""
    return torch.where(images >= _broadcastable(threshold) * 255, 255 - images, images)


def invert(images: Tensor, _: Tensor) -> Tensor:
    """Return the negatives of the images."""
    return 255 - images


def autocontrast(images: Tensor, _: Tensor) -> Tensor:
    """Stretch the values of each channel to the range from 0 to 255."""
    darkest, brightest = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    is_flat = brightest == darkest
    scale = torch.where(is_flat, 1, (brightest - darkest) * (1 / 255))
    return ((images - torch.where(is_flat, 0, darkest)) / scale).clamp(0, 255).floor()


def equalize(images: Tensor, _: Tensor) -> Tensor:
    """Equalize the histogram of each channel."""
    values = images.long().flatten(2).flatten(0, 1)  # (channels of all images, pixels)
    channels, pixels = values.shape
    # One long histogram: PyTorch's deterministic kernel for those of several dimensions copies from the host.
    bins = values + 256 * torch.arange(channels, device=images.device)[:, None]
    counts = bins.new_zeros(channels * 256).scatter_add_(0, bins.flatten(), torch.ones_like(bins).flatten())
    counts = counts.view(channels, 256)
    up_to = counts.cumsum(1)
    brightest = up_to.argmax(1, keepdim=True)
    step = (pixels - counts.gather(1, brightest)) // 255
    table = ((up_to - counts + step // 2) // step.clamp(min=1)).clamp(0, 255)
    return torch.where(step > 0, table.gather(1, values), values).view(images.shape).float()


def shear_x(images: Tensor, slope: Tensor) -> Tensor:
    """Shear images horizontally by `slope`, about their upper left corner like Pillow."""
    return _resample(images, lambda x, y: (x + slope[:, None, None] * y, y))


def shear_y(images: Tensor, slope: Tensor) -> Tensor:
    """Shear images vertically by `slope`, about their upper left corner like Pillow."""
    return _resample(images, lambda x, y: (x, y + slope[:, None, None] * x))


def translate_x(images: Tensor, pixels: Tensor) -> Tensor:
    """Move images to the right by `pixels`, without their fractions."""
    return _resample(images, lambda x, y: (x - pixels.trunc()[:, None, None], y))


def translate_y(images: Tensor, pixels: Tensor) -> Tensor:
    """Move images down by `pixels`, without their fractions."""
    return _resample(images, lambda x, y: (x, y - pixels.trunc()[:, None, None]))


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Rotate images counter-clockwise about their centre."""
    height, width = images.shape[-2:]
    angle = torch.deg2rad(degrees)[:, None, None]

    def origin(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x, y = x - width / 2, y - height / 2
        return (
            angle.cos() * x - angle.sin() * y + width / 2,
            angle.sin() * x + angle.cos() * y + height / 2,
        )

    return _resample(images, origin)


def _broadcastable(strength: Tensor) -> Tensor:
    """Reshape (b,) to (b, 1, 1, 1)."""
    return strength[:, None, None, None]


def _blend(images: Tensor, other: Tensor, strength: Tensor) -> Tensor:
    """Return (1 + strength)·images - strength·other, clipped to 0 to 255.

    It computes in Pillow's order, which keeps values that are equal in both unchanged.
    """
    return (other + (1 + _broadcastable(strength)) * (images - other)).clamp(0, 255).floor()


def _grey(images: Tensor) -> Tensor:
    """Convert images to grey, float (b, 1, h, w)."""
    red, green, blue = (weight * images[:, n : n + 1] for n, weight in enumerate(GREY_WEIGHTS))
    return (red + green + blue).floor()


def _resample(images: Tensor, origin: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Tensor:
    """Return images whose pixels are taken from other places, by nearest neighbour; black from outside the image.

    Args:
        images: (b, 3, h, w).
        origin: returns from where the pixels at x and y, float (h, w), are taken, as x and y, float (b, h, w) or
            (h, w). The centre of the first pixel is at 0.5.
    """
    b, _, height, width = images.shape
    y, x = torch.meshgrid(
        torch.arange(height, device=images.device) + 0.5, torch.arange(width, device=images.device) + 0.5, indexing="ij"
    )
    x, y = (part.floor().long().expand(b, height, width) for part in origin(x, y))
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    batch = torch.arange(b, device=images.device)[:, None, None]
    taken = images.permute(0, 2, 3, 1)[batch, y.clamp(0, height - 1), x.clamp(0, width - 1)]
    return (taken * inside[..., None]).permute(0, 3, 1, 2)
