"""Parameters of the batches: augmentation, for images with one class and for pairs of image and mask."""

from typing import Annotated, Any, Literal

from pydantic import Field

import darkroom.batches.policies
from darkroom.common.named import NameIn
from darkroom.common.parameters import Parameters


class ImageAugmentation(Parameters):
    """Augmentation of classification batches, on the training device.

    `crop` and `cutout` are in pixels; 0 switches them off.
    """

    flip: Literal["none", "random", "alternate"]
    """Horizontal flip of half of the images. `random` draws them anew in each epoch; `alternate` flips the other half
    in the next epoch."""
    crop: int = Field(ge=0)
    """Largest random shift, in pixels."""
    padding: Literal["reflect", "zero"] = "reflect"
    """What a shifted image shows beyond its border. `zero` is the mean colour, since images are normalized."""
    cutout: int = Field(ge=0)
    """Side, in pixels, of a square that is set to the mean colour."""
    jitter: float = Field(default=0.0, ge=0, le=1)
    """Largest random change of brightness, contrast and colour, as a fraction."""
    policy: Annotated[str, NameIn(darkroom.batches.policies.__name__, besides=("none",))] = "none"
    """An augmentation policy, drawn anew for each image."""
    mixup: float = Field(default=0.0, ge=0)
    """α of the Beta distribution of Mixup's shares; 0 switches it off."""
    cutmix: float = Field(default=0.0, ge=0)
    """α of the Beta distribution of CutMix's shares; 0 switches it off."""


class PairAugmentation(Parameters):
    """Augmentation of segmentation pairs: a crop of `crop` × `crop` pixels after `transforms`.

    A transform is a name of albumentations and its arguments, such as `{HorizontalFlip: {p: 0.5}}`.
    """

    crop: int = Field(ge=32)
    """Side of the training crops, in pixels; a multiple of 2 to the power of `model.encoder_depth`."""
    foreground: float = Field(default=0.0, ge=0, le=1)
    """Fraction of the crops that are centred on a foreground class, all classes equally likely."""
    copy_paste: float = Field(default=0.0, ge=0, le=1)
    """Fraction of the images that get an object pasted in from another image."""
    transforms: list[dict[str, dict[str, Any]]] = []
    """Transforms of albumentations in their order, each a name and its arguments. Transforms that do not return uint8,
    such as Normalize, are refused."""
