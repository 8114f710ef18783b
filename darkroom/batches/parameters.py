"""Parameters of the batches: augmentation, for images with one class and for pairs of image and mask."""

from typing import Any, Literal

from pydantic import Field

from darkroom.common.parameters import Parameters


class ImageAugmentation(Parameters):
    """Augmentation of classification batches, on the training device.

    `crop` and `cutout` are in pixels; 0 switches them off.
    """

    flip: Literal["none", "random", "alternate"]  # left to right, half of the images: in each epoch others, or the rest
    crop: int = Field(ge=0)  # shift by up to this much
    padding: Literal["reflect", "zero"] = "reflect"  # what a crop shows beyond the border; zero is the mean
    cutout: int = Field(ge=0)  # side of a square set to the mean
    jitter: float = Field(default=0.0, ge=0, le=1)  # brightness, contrast and colour by up to this share
    policy: Literal["none", "randaugment", "trivialaugment", "autoaugment"] = "none"
    mixup: float = Field(default=0.0, ge=0)  # α of the Beta distribution that shares come from; 0: off
    cutmix: float = Field(default=0.0, ge=0)


class PairAugmentation(Parameters):
    """Augmentation of segmentation pairs: a crop of `crop` × `crop` pixels after `transforms`.

    A transform is a name of albumentations and its arguments, such as `{HorizontalFlip: {p: 0.5}}`.
    """

    crop: int = Field(ge=32)
    foreground: float = Field(default=0.0, ge=0, le=1)  # share of the crops centred on a class but the background
    copy_paste: float = Field(default=0.0, ge=0, le=1)  # share of the images that get an object of another one
    transforms: list[dict[str, dict[str, Any]]] = []
