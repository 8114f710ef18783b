"""Parameters of the models, one class for each kind of task."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from darkroom.common.parameters import Parameters

Width = Annotated[int, Field(ge=8)]
Attention = Literal["none", "se", "cbam"]

RESIDUAL = {"attention": "none"}
WIDE = {"dropout": 0.3, "attention": "none", "residual": True, "normalization": True}
# Of each classifier its options and their values where none are given.
CLASSIFIER_OPTIONS: dict[str, dict[str, Any]] = {
    "fast_cnn": {"widths": [64, 192, 192]},
    "simple_cnn": {"dropout": 0.0},
    "lenet": {},
    "lenet_modern": {},
    "vgg16_bn": {},
    "resnet18": RESIDUAL,
    "resnet34": RESIDUAL,
    "resnet50": RESIDUAL,
    "wrn_16_1": {**WIDE, "dropout": 0.0},
    "wrn_16_8": WIDE,
    "wrn_28_10": WIDE,
    "dla34": {},
    "vit": {"patch": 4, "width": 192, "depth": 9, "heads": 3, "dropout": 0.0},
}


class ClassifierParameters(Parameters):
    """A network that gives one class an image, by its name, and the options that it has."""

    name: Literal[tuple(CLASSIFIER_OPTIONS)]
    widths: list[Width] | None = Field(default=None, min_length=3, max_length=3)  # channels by group
    dropout: float | None = Field(default=None, ge=0, lt=1)
    attention: Attention | None = None  # in each residual block: squeeze-and-excitation, or CBAM
    residual: bool | None = None  # False: without the sums with the blocks' inputs
    normalization: bool | None = None  # False: without batch normalization
    patch: int | None = Field(default=None, ge=1)  # side in pixels
    width: int | None = Field(default=None, ge=8)
    depth: int | None = Field(default=None, ge=1)
    heads: int | None = Field(default=None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(values, dict) or values.get("name") not in CLASSIFIER_OPTIONS:
            return values  # for the fields' own checks
        own = CLASSIFIER_OPTIONS[values["name"]]
        return {**own, **{key: value for key, value in values.items() if value is not None}}

    @model_validator(mode="after")
    def _fit_each_other(self) -> "ClassifierParameters":
        own = CLASSIFIER_OPTIONS[self.name]
        for key, value in self:
            if value is not None and key != "name" and key not in own:
                raise ValueError(f"{self.name} takes no {key}; its options: {', '.join(own) or 'none'}")
        if self.heads is not None and self.width % self.heads:
            raise ValueError(f"width = {self.width} must be a multiple of heads = {self.heads}")
        return self


class PointModelParameters(Parameters):
    """A network for points, with hidden layers of `widths`; without any it is linear."""

    name: Literal["mlp"] = "mlp"
    widths: list[Annotated[int, Field(ge=1)]] = []
    activation: Literal["relu", "tanh"] = "relu"


class SegmenterParameters(Parameters):
    """A network of segmentation-models-pytorch that gives a class to each pixel, on one of its encoders."""

    name: Literal["unet", "fpn", "deeplabv3plus"]
    encoder: str = "resnet18"
    encoder_depth: int = Field(default=5, ge=3, le=5)  # halvings of the resolution
    encoder_weights: str | None = None  # to start from, such as imagenet; None: from scratch
