"""Parameters of the stage that converts annotations to masks."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from darkroom.annotations.format_names import format_names
from darkroom.common.parameters import Parameters, nearest
from darkroom.datasets.parameters import Share, SplitParameters

AUTO = "auto"
FOR_ALL_FORMATS = {"format", "classes", "ignore", "exif", "skip_bad", "leave_out"}


def _check_format(name: str) -> str:
    known = [AUTO, *format_names()]
    if name not in known:
        raise ValueError(f"there is no such format; {nearest(name, known)}")
    return name


FormatName = Annotated[
    str, AfterValidator(_check_format), WithJsonSchema({"type": "string", "enum": [AUTO, *format_names()]})
]
Colour = Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=3, max_length=3)]


class AnnotationParameters(Parameters):
    """How annotations are read."""

    format: FormatName = AUTO
    """Format of the annotations. By default it is recognized by the names and contents of the files."""
    classes: list[str] | None = Field(default=None, min_length=1, max_length=254)
    """Names of the foreground classes in the order of their ids 1, 2, … By default all names in the source, sorted or
    in the order of the source's list of classes."""
    ignore: list[str] = []
    """Names of classes whose pixels get ignore_index, 255, and so count neither in losses nor in metrics."""
    colours: dict[str, Colour] | None = Field(default=None, min_length=1)
    """Colour of each class in RGB masks, such as {road: [128, 64, 128], sky: [70, 130, 180]}. Of the format colour."""
    border: Literal["ignored", "pet"] = "ignored"
    """Class of the border pixels: ignored (the default) gives them ignore_index, pet makes them foreground. Of the
    format trimap."""
    exif: Literal["auto", "seen", "stored"] = "auto"
    """How images with an EXIF orientation were shown to the annotator: seen is turned upright, stored is as the pixels
    are stored. By default the sizes that the annotations state decide, or the annotation tool."""
    threshold: Annotated[int, Field(ge=1, le=255)] | None = None
    """Least value of foreground pixels in grey masks of two classes. By default pixel values are class ids. Of the
    formats png and voc."""
    attribute: str | None = None
    """Region attribute that is the class. By default the only one. Of the format via."""
    skip_bad: bool = False
    """Leave out annotations that cannot be used and list them in the report, instead of stopping at the first."""
    leave_out: list[str] = []
    """Names of images to leave out, as the page check.html shows and copies them: without suffix, and with the split in
    front where the source has splits. The report lists them."""

    def format_options(self) -> list[str]:
        """Return the names of the parameters that have a value and that only some formats use."""
        fields = type(self).model_fields
        return [name for name in fields if name not in FOR_ALL_FORMATS and getattr(self, name) != fields[name].default]

    @model_validator(mode="after")
    def _check_combination(self) -> "AnnotationParameters":
        if self.colours is not None and self.classes is not None:
            raise ValueError("classes: colours names the classes already; set classes to null")
        if self.format != AUTO:
            from darkroom.annotations.formats._base import load_format  # here, since formats import this module

            load_format(self.format).check_parameters(self)
        return self


class MaskParameters(SplitParameters):
    """Parameters of the stage `prepare` for a task of annotated images."""

    test: Share
    """Images, as a number or a fraction, that are held out as the test split where the source has none."""
    annotations: AnnotationParameters
    """How the annotations are read."""
