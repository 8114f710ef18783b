"""Parameters of the stage that converts annotations to masks."""

from typing import Literal

from pydantic import Field

from darkroom.common.parameters import Parameters
from darkroom.datasets.parameters import Share, SplitParameters


class AnnotationParameters(Parameters):
    """How the annotations are read.

    `classes` names the foreground, ids 1, 2, … in this order; null takes the names that the source
    lists or uses, sorted. Pixels of the classes in `ignore` count for nothing.
    """

    format: Literal["auto", "labelme", "trimap", "png"] = "auto"
    classes: list[str] | None = Field(default=None, min_length=1, max_length=254)
    ignore: list[str] = []


class MaskParameters(SplitParameters):
    """As `SplitParameters`, and how much is held out for the report where the source has no such split."""

    test: Share
    annotations: AnnotationParameters
