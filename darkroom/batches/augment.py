"""Augmentation of whole batches on the device that they lie on, one draw for each image.

Every function takes the draws as an argument, so that what happens to an image depends on its draw
alone and not on the batch that it comes in.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from darkroom.batches.parameters import ImageAugmentation
from darkroom.common.randomness import seed_for


@dataclass(frozen=True)
class Draws:
    """An epoch's draws, one row for each image of the split.

    Attributes:
        flipped: bool (n,).
        shift: int64 (n, 2), how far down and to the right the crop's window lies, 0 to 2·crop.
        hole: int64 (n, 2), row and column of the cut-out square's centre.
    """

    flipped: Tensor
    shift: Tensor
    hole: Tensor

    @classmethod
    def of_epoch(
        cls,
        parameters: ImageAugmentation,
        count: int,
        size: tuple[int, int],
        seed: int,
        epoch: int,
        device: torch.device,
        flipped: Tensor,
    ) -> "Draws":
        """Draw for `count` images of `size` (height, width), from generators keyed by (seed, purpose, epoch).

        Args:
            flipped: bool (count,), as of `flips`.
        """

        def generator(purpose: str) -> torch.Generator:
            return torch.Generator().manual_seed(seed_for(seed, purpose, epoch))

        height, width = size
        holes = generator("cutout")
        return cls(
            flipped.to(device),
            torch.randint(2 * parameters.crop + 1, (count, 2), generator=generator("crop")).to(device),
            torch.stack(
                [torch.randint(height, (count,), generator=holes), torch.randint(width, (count,), generator=holes)],
                dim=1,
            ).to(device),
        )

    def at(self, indices: Tensor) -> "Draws":
        """The draws of the images at `indices` (b,)."""
        return Draws(self.flipped[indices], self.shift[indices], self.hole[indices])


def flips(how: str, images: Tensor, times: Tensor, seed: int, epoch: int) -> Tensor:
    """Which rows of an epoch to mirror, bool (n,).

    Alternating, an image is seen both ways in any two times that it is shown (arXiv:2404.00498, section 3.6): the first
    time as drawn for the image, and from then on the other way each time. Otherwise each row is drawn for anew.

    Args:
        images: int64 (n,), the image that each row shows.
        times: int64 (n,), how often that image was shown before.
    """
    first = 0 if how == "alternate" else epoch
    drawn = torch.randint(2, (len(images),), generator=torch.Generator().manual_seed(seed_for(seed, "flip", first)))
    return (drawn[images] + times) % 2 == 1 if how == "alternate" else drawn == 1


def augment(images: Tensor, parameters: ImageAugmentation, draws: Draws) -> Tensor:
    """Apply the augmentation to normalized images, float (b, c, h, w), in the order crop, flip, cutout."""
    if parameters.crop:
        images = shifted_crop(images, draws.shift, parameters.crop, parameters.padding)
    if parameters.flip != "none":
        images = flip(images, draws.flipped)
    if parameters.cutout:
        images = cutout(images, draws.hole, parameters.cutout)
    return images


def flip(images: Tensor, flipped: Tensor) -> Tensor:
    """Mirror the images (b, c, h, w) where `flipped` (b,) is true, left to right."""
    return torch.where(flipped[:, None, None, None], images.flip(-1), images)


def shifted_crop(images: Tensor, shift: Tensor, padding: int, beyond: str) -> Tensor:
    """Windows of the images' own size out of the padded images.

    Args:
        images: (b, c, h, w).
        shift: (b, 2), the window's upper left corner in the padded image, 0 to 2·padding.
        padding: in pixels, on every side.
        beyond: the padding's pixels: `reflect`, or `zero`, the mean of normalized images.
    """
    b, channels, height, width = images.shape
    rows = shift[:, 0, None] + torch.arange(-padding, height - padding, device=images.device)
    columns = shift[:, 1, None] + torch.arange(-padding, width - padding, device=images.device)
    first = torch.arange(b, device=images.device)[:, None, None] * height
    pixels = (first + _reflected(rows, height)[:, :, None]) * width + _reflected(columns, width)[:, None, :]
    shown = images.permute(0, 2, 3, 1).reshape(-1, channels).index_select(0, pixels.flatten())
    shown = shown.view(b, height, width, channels).permute(0, 3, 1, 2)
    if beyond == "reflect":
        return shown
    outside = ((rows < 0) | (rows >= height))[:, :, None] | ((columns < 0) | (columns >= width))[:, None, :]
    return shown.masked_fill(outside[:, None], 0)


def _reflected(places: Tensor, side: int) -> Tensor:
    """Places along a side of so many pixels, those beyond it mirrored at its outermost pixels."""
    return side - 1 - (side - 1 - places.abs()).abs()


def cutout(images: Tensor, centre: Tensor, side: int) -> Tensor:
    """Set a square of `side` pixels to zero, the mean of normalized images (DeVries and Taylor, arXiv:1708.04552).

    Args:
        images: (b, c, h, w).
        centre: (b, 2), row and column; squares over the border are clipped.
    """
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device) - centre[:, 0, None] + side // 2
    columns = torch.arange(width, device=images.device) - centre[:, 1, None] + side // 2
    hole = ((rows >= 0) & (rows < side))[:, :, None] & ((columns >= 0) & (columns < side))[:, None, :]
    return images.masked_fill(hole[:, None], 0)
