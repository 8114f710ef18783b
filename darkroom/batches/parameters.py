"""Parameters of augmentation: for images with one class each, and for pairs of an image and its mask."""

from typing import Annotated, Any, Literal

from pydantic import Field

import darkroom.batches.policies
from darkroom.common.named import NameIn
from darkroom.common.parameters import Parameters


class ImageAugmentation(Parameters):
    """Augmentation of images with one class each, on the training device."""

    flip: Literal["none", "random", "alternate"]
    """Horizontal flip of half of the images. `random` draws them anew in each epoch. `alternate` flips the other half
    in the next epoch. `none` flips no image."""
    crop: int = Field(ge=0)
    """Largest random shift, in pixels; 0 switches it off."""
    padding: Literal["reflect", "zero"] = "reflect"
    """What a shifted image shows beyond its border: its mirror image, or with `zero` the mean colour of the training
    images."""
    cutout: int = Field(ge=0)
    """Side, in pixels, of a random square that is set to the mean colour; 0 switches it off."""
    jitter: float = Field(default=0.0, ge=0, le=1)
    """Largest random change of brightness, contrast and colour, as a fraction; 0 switches it off."""
    policy: Annotated[str, NameIn(darkroom.batches.policies.__name__, besides=("none",))] = "none"
    """Augmentation policy, which draws operations on the pixels of each image in each epoch."""
    mixup: float = Field(default=0.0, ge=0)
    """α of the Beta distribution of Mixup's shares; 0 switches it off."""
    cutmix: float = Field(default=0.0, ge=0)
    """α of the Beta distribution of CutMix's shares; 0 switches it off."""


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
