"""Flips, shifted crops and cutout of whole batches on their device.

Every function takes the random draws as an argument, one for each image. So the result for an image does not depend on
the batch that it is in.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from darkroom.batches.parameters import ImageAugmentation
from darkroom.common.randomness import seed_for


@dataclass(frozen=True)
class Draws:
    """The random draws of an epoch, one row for each image that it shows.

    Attributes:
        flipped: whether to mirror the image, bool (n,).
        shift: the upper left corner of the crop in the padded image, down and right in pixels, 0 to 2·crop;
            int64 (n, 2).
        hole: row and column of the centre of the cutout square, int64 (n, 2).
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
        """Return the draws of an epoch, from generators keyed by (seed, purpose, epoch).

        Args:
            parameters: of the augmentation.
            count: number of images that the epoch shows.
            size: (height, width) of the images in pixels.
            seed: of the run.
            epoch: its number.
            device: where the draws are put.
            flipped: bool (count,), as `flips` returns it.
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
        """Return the draws of the rows `indices`, int64 (b,)."""
        return Draws(self.flipped[indices], self.shift[indices], self.hole[indices])


def flips(mode: str, images: Tensor, times: Tensor, seed: int, epoch: int) -> Tensor:
    """Return which rows of an epoch to mirror, bool (n,).

    Args:
        mode: alternate: draw once for each image and mirror it every second time that it is shown
            (arXiv:2404.00498, section 3.6). Any other: draw for each row of each epoch.
        images: index of the image that each row shows, int64 (n,).
        times: how often that image was shown before, int64 (n,).
        seed: of the run.
        epoch: its number.
    """
    first = 0 if mode == "alternate" else epoch
    drawn = torch.randint(2, (len(images),), generator=torch.Generator().manual_seed(seed_for(seed, "flip", first)))
    return (drawn[images] + times) % 2 == 1 if mode == "alternate" else drawn == 1


def augment(images: Tensor, parameters: ImageAugmentation, draws: Draws) -> Tensor:
    """Return augmented images, in the order crop, flip, cutout.

    Args:
        images: normalized, float (b, c, h, w).
        parameters: of the augmentation.
        draws: one row for each image.
    """
    if parameters.crop:
        images = shifted_crop(images, draws.shift, parameters.crop, parameters.padding)
    if parameters.flip != "none":
        images = flip(images, draws.flipped)
    if parameters.cutout:
        images = cutout(images, draws.hole, parameters.cutout)
    return images


def flip(images: Tensor, flipped: Tensor) -> Tensor:
    """Mirror images (b, c, h, w) left to right where `flipped`, bool (b,), is true."""
    return torch.where(flipped[:, None, None, None], images.flip(-1), images)


def shifted_crop(images: Tensor, shift: Tensor, padding: int, mode: str) -> Tensor:
    """Pad the images and crop each to its original size at its own place.

    Args:
        images: (b, c, h, w).
        shift: upper left corner of each crop in the padded image, down and right in pixels, 0 to 2·padding; (b, 2).
        padding: in pixels, on every side.
        mode: reflect: the padding mirrors the image. zero: it is 0, the mean of normalized images.
    """
    b, channels, height, width = images.shape
    rows = shift[:, 0, None] + torch.arange(-padding, height - padding, device=images.device)
    columns = shift[:, 1, None] + torch.arange(-padding, width - padding, device=images.device)
    first = torch.arange(b, device=images.device)[:, None, None] * height
    pixels = (first + _reflect(rows, height)[:, :, None]) * width + _reflect(columns, width)[:, None, :]
    crops = images.permute(0, 2, 3, 1).reshape(-1, channels).index_select(0, pixels.flatten())
    crops = crops.view(b, height, width, channels).permute(0, 3, 1, 2)
    if mode == "reflect":
        return crops
    outside = ((rows < 0) | (rows >= height))[:, :, None] | ((columns < 0) | (columns >= width))[:, None, :]
    return crops.masked_fill(outside[:, None], 0)


def _reflect(positions: Tensor, side: int) -> Tensor:
    """Return positions from 0 to `side` - 1: those outside are mirrored at the first or the last pixel."""
    return side - 1 - (side - 1 - positions.abs()).abs()


def cutout(images: Tensor, centre: Tensor, side: int) -> Tensor:
    """Set a square of each image to zero, the mean of normalized images (DeVries and Taylor, arXiv:1708.04552).

    Args:
        images: (b, c, h, w).
        centre: row and column of each square's centre, (b, 2). Squares are clipped at the border.
        side: of the square, in pixels.
    """
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device) - centre[:, 0, None] + side // 2
    columns = torch.arange(width, device=images.device) - centre[:, 1, None] + side // 2
    hole = ((rows >= 0) & (rows < side))[:, :, None] & ((columns >= 0) & (columns < side))[:, None, :]
    return images.masked_fill(hole[:, None], 0)
