"""Parameters of the models, one class for each kind of task."""

from typing import Annotated, Literal

from pydantic import Field

from darkroom.common.parameters import Parameters

Width = Annotated[int, Field(ge=8)]


class ClassifierParameters(Parameters):
    """A network that gives one class an image. `widths` are the fast network's channels by group."""

    name: Literal["fast_cnn", "resnet18"]
    widths: list[Width] = Field(default=[64, 128, 384], min_length=3, max_length=3)


class SegmenterParameters(Parameters):
    """A network of segmentation-models-pytorch that gives a class to each pixel, on one of its encoders."""

    name: Literal["unet", "fpn", "deeplabv3plus"]
    encoder: str = "resnet18"
    encoder_depth: int = Field(default=5, ge=3, le=5)  # halvings of the resolution
