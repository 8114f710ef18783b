"""Parameters of the stage that converts annotations to masks."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from darkroom.common.parameters import Parameters
from darkroom.datasets.parameters import Share, SplitParameters

Colour = Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=3, max_length=3)]


class AnnotationParameters(Parameters):
    """How the annotations are read.

    `classes` names the foreground, ids 1, 2, … in this order; null takes the names that the source
    lists or uses, sorted. Pixels of the classes in `ignore` count for nothing.
    """

    format: Literal["auto", "labelme", "coco", "voc", "trimap", "colour", "png"] = "auto"
    classes: list[str] | None = Field(default=None, min_length=1, max_length=254)
    ignore: list[str] = []
    colours: dict[str, Colour] | None = Field(default=None, min_length=1)  # of RGB masks: [red, green, blue] by class
    border: Literal["ignored", "pet"] = "ignored"  # of trimaps: what the pixels around the pet count as
    exif: Literal["auto", "seen", "stored"] = (
        "auto"  # how images with an EXIF orientation were seen by who annotated them
    )
    threshold: Annotated[int, Field(ge=1, le=255)] | None = None  # of png and voc: from which on a pixel is foreground
    skip_bad: bool = False  # leave out what cannot be used, and report it

    @model_validator(mode="after")
    def _fit_each_other(self) -> "AnnotationParameters":
        if self.format == "colour" and self.colours is None:
            raise ValueError("format = colour: colours is null; give each class its colour")
        if self.colours is not None and self.format not in ("auto", "colour"):
            raise ValueError(f"format = {self.format}: colours are of the format colour; set colours to null")
        if self.colours is not None and self.classes is not None:
            raise ValueError("classes: colours names the classes already; set classes to null")
        if self.threshold is not None and (self.format not in ("auto", "png", "voc") or self.colours is not None):
            raise ValueError("threshold is for grey masks, of the formats png and voc; set it to null")
        return self


class MaskParameters(SplitParameters):
    """As `SplitParameters`, and how much is held out for the report where the source has no such split."""

    test: Share
    annotations: AnnotationParameters
