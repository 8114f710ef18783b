"""Parameters of the stages that prepare classification data sets."""

import codecs
from typing import Annotated

from pydantic import AfterValidator, Field

from darkroom.common.parameters import Parameters

# A number of images or points, or a fraction of them.
Share = Annotated[int, Field(ge=0)] | Annotated[float, Field(gt=0, lt=1)]


def _check_encoding(encoding: str) -> str:
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ValueError("there is no such encoding; take gbk, big5, cp932 or euc-kr, or null") from None
    return encoding


class SplitParameters(Parameters):
    """How the archive is read and split."""

    seed: int
    """Seed of all random draws."""

    validation: Share
    """How much of the training data is held out for validation: a fraction, or a number such as 5000. 0: nothing."""

    encoding: Annotated[str, AfterValidator(_check_encoding)] | None = None
    """Encoding of the file names in an archive that does not state it, such as gbk. `null`: detect it."""


class ImageParameters(SplitParameters):
    """How an archive of images with one class each is read and split."""

    left_out: list[str] = []
    """Names of images to leave out: `audit.leave_out`."""


class PointParameters(SplitParameters):
    """How a table of points is split."""

    test: Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)]
    """How much of the data is held out for the test split: a fraction, or a number of points."""


class FolderParameters(ImageParameters):
    """How folders of images are read and split."""

    test: Share
    """How much is held out for the test split if the archive has none: a fraction, or a number of images."""

    image_size: int = Field(ge=8, le=1024)
    """Side in pixels of the square that images are scaled and cropped to."""
