"""Operations on the pixels of whole batches, each image with a strength of its own.

All take images as float (b, 3, h, w) with integral values from 0 to 255, and strengths float (b,), and
give images of the same kind. They are those of the AutoAugment family, as Pillow and torchvision have them.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

GREY = (0.2989, 0.587, 0.114)  # shares of red, green and blue (ITU-R BT.601)
SMOOTHING = ((1, 1, 1), (1, 5, 1), (1, 1, 1))  # Pillow's, in thirteenths


def identity(images: Tensor, _: Tensor) -> Tensor:
    return images


def brightness(images: Tensor, strength: Tensor) -> Tensor:
    return _blend(images, torch.zeros_like(images), strength)


def colour(images: Tensor, strength: Tensor) -> Tensor:
    """Towards grey where `strength` is negative."""
    return _blend(images, _grey(images), strength)


def contrast(images: Tensor, strength: Tensor) -> Tensor:
    """Towards the mean grey where `strength` is negative."""
    return _blend(images, _grey(images).mean(dim=(1, 2, 3), keepdim=True), strength)


def sharpness(images: Tensor, strength: Tensor) -> Tensor:
    """Towards the smoothed image where `strength` is negative; the border stays."""
    kernel = images.new_tensor(SMOOTHING).expand(3, 1, 3, 3) / 13
    smooth = images.clone()
    smooth[:, :, 1:-1, 1:-1] = F.conv2d(images, kernel, groups=3).round()
    return _blend(images, smooth, strength)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the upper `bits` of each value."""
    step = 2 ** (8 - _rows(bits))
    return (images / step).floor() * step


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert the values from `threshold` on, a share of full scale."""
    return torch.where(images >= _rows(threshold) * 255, 255 - images, images)


def invert(images: Tensor, _: Tensor) -> Tensor:
    return 255 - images


def autocontrast(images: Tensor, _: Tensor) -> Tensor:
    from torchvision.transforms.v2.functional import autocontrast

    return autocontrast(images.byte()).float()


def equalize(images: Tensor, _: Tensor) -> Tensor:
    from torchvision.transforms.v2.functional import equalize

    return equalize(images.byte()).float()


def shear_x(images: Tensor, slope: Tensor) -> Tensor:
    """About the upper left corner, as Pillow does; so are the following."""
    return _resample(images, lambda x, y: (x + slope[:, None, None] * y, y))


def shear_y(images: Tensor, slope: Tensor) -> Tensor:
    return _resample(images, lambda x, y: (x, y + slope[:, None, None] * x))


def translate_x(images: Tensor, pixels: Tensor) -> Tensor:
    """By whole pixels, to the right."""
    return _resample(images, lambda x, y: (x - pixels.trunc()[:, None, None], y))


def translate_y(images: Tensor, pixels: Tensor) -> Tensor:
    """By whole pixels, down."""
    return _resample(images, lambda x, y: (x, y - pixels.trunc()[:, None, None]))


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """About the middle, counter-clockwise."""
    height, width = images.shape[-2:]
    angle = torch.deg2rad(degrees)[:, None, None]

    def origin(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x, y = x - width / 2, y - height / 2
        return (
            angle.cos() * x - angle.sin() * y + width / 2,
            angle.sin() * x + angle.cos() * y + height / 2,
        )

    return _resample(images, origin)


def _rows(strength: Tensor) -> Tensor:
    return strength[:, None, None, None]


def _blend(images: Tensor, other: Tensor, strength: Tensor) -> Tensor:
    """(1 + strength) of the images and -strength of the others, as Pillow adds them: equal values stay the same."""
    return (other + (1 + _rows(strength)) * (images - other)).clamp(0, 255).floor()


def _grey(images: Tensor) -> Tensor:
    weights = images.new_tensor(GREY)[:, None, None]
    return (images * weights).sum(1, keepdim=True).floor()


def _resample(images: Tensor, origin: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Tensor:
    """The nearest pixels to where `origin` says that each place comes from; black beyond the border.

    Args:
        origin: maps x and y, float (h, w), to those in the images, float (b, h, w) or (h, w); a pixel's middle
            lies at halves.
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
