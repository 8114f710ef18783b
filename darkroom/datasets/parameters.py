"""Parameters of the stages that prepare classification data sets."""

import codecs
from typing import Annotated

from pydantic import AfterValidator, Field

from darkroom.common.parameters import Parameters

# A number of images, or a fraction of them.
Share = Annotated[int, Field(ge=0)] | Annotated[float, Field(gt=0, lt=1)]


def _known(encoding: str) -> str:
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ValueError("there is no such encoding; take gbk, big5, cp932 or euc-kr, or null") from None
    return encoding


class SplitParameters(Parameters):
    """How much of the training images is held out for choosing (0: nothing), and how names are written."""

    seed: int
    validation: Share
    encoding: Annotated[str, AfterValidator(_known)] | None = None  # of names in an archive that does not say it


class PointParameters(SplitParameters):
    """As `SplitParameters`, for points: also how much is held out for the report, which cannot be nothing."""

    test: Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)]


class FolderParameters(SplitParameters):
    """As `SplitParameters`, for folders of images: also how much is held out for the report, and the side."""

    test: Share  # used where the archive has no test images of its own
    image_size: int = Field(ge=8, le=1024)  # pixels; images are scaled and cropped to this square
