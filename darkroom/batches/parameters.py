"""Parameters of augmentation: for images with one class each, and for pairs of an image and its mask."""

from typing import Any

from pydantic import Field

from darkroom.batches.augmentations import augmentations
from darkroom.batches.mixes import mixes
from darkroom.batches.sizes import SizeOptions
from darkroom.common.parameters import Parameters

_OPTIONS = [SizeOptions, *(one.Options for one in augmentations()), *(one.Options for one in mixes().values())]


# The bases are the modules of `augmentations` and `mixes`, which a type checker cannot know.
class ImageAugmentation(*reversed(_OPTIONS)):  # type: ignore[misc]
    """Augmentation of images with one class each, on the training device."""


class PairAugmentation(Parameters):
    """Augmentation of pairs of an image and its mask: `transforms`, then a crop of `crop` × `crop` pixels."""

    crop: int = Field(ge=32)
    """Side of the training crops, in pixels; a multiple of 2 to the power of `model.encoder_depth`."""
    foreground: float = Field(default=0.0, ge=0, le=1)
    """Fraction of the crops that are centred on a foreground class, all classes equally likely."""
    copy_paste: float = Field(default=0.0, ge=0, le=1)
    """Fraction of the images that get an object pasted in from another image."""
    transforms: list[dict[str, dict[str, Any]]] = []
    """Transforms of albumentations in their order, each a name and its arguments, such as `HorizontalFlip: {p: 0.5}`.
    Transforms that do not return uint8, such as Normalize, are refused."""
