"""Pairs of image and annotation, classes and their ids, and what all formats need to check names and points."""

import math
import unicodedata
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.pairs import IGNORED

if TYPE_CHECKING:
    from darkroom.annotations.shapes import AnnotatedImage

BACKGROUND = "background"
BACKGROUND_NAMES = (BACKGROUND, "_background_", "__background__")  # names that annotation tools use
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
LARGEST_COORDINATE = 100_000  # pixels; a point beyond this is an error in the file

Point = tuple[float, float]
Size = tuple[int, int]  # width and height in pixels


class WrongSize(UserError):
    """The annotation was drawn on an image of another size."""


@dataclass(frozen=True)
class Pair:
    """An image and its annotation.

    Attributes:
        name: name of the prepared files, without a suffix: the image's or the annotation's file name.
        image: the image file; None where the annotation file contains the image.
        annotation: the annotation file; of an image that has none and is all background, the image file.
        split: train, validation or test; None where the source has no splits.
        drawn: the shapes, of a format of shapes; else None.
        is_one_of_many: the annotation file is about several images.
        refused: why shapes were left out when the file was read, of a file about one image.
        page: page of the image file and of the annotation file, which have several; else None.
        details: what the format needs to draw the pair beside the annotation file, such as the file of object ids.
    """

    name: str
    image: Member | None
    annotation: Member
    split: str | None
    drawn: "AnnotatedImage | None" = None
    is_one_of_many: bool = False
    refused: tuple[str, ...] = ()
    page: int | None = None
    details: Any = None

    @property
    def key(self) -> str:
        """The name with the split in front, where the source has splits. No other pair has it."""
        return f"{self.split}/{self.name}" if self.split else self.name

    def __str__(self) -> str:
        if self.page is not None:
            return f"{self.annotation}: page {self.page}"
        return f"{self.annotation}: {self.name}" if self.is_one_of_many else str(self.annotation)


@dataclass(frozen=True)
class Classes:
    """The classes of a source and their ids in the masks.

    Attributes:
        names: class names by id; the background is id 0.
        ids: class ids by key. A key is what stands for the class in the source: a name, a pixel value or a colour.
            The id of an ignored class is `IGNORED`.
    """

    names: list[str]
    ids: dict[Hashable, int]

    @classmethod
    def numbered(cls, names_by_key: Mapping[Hashable, str], ignore: list[str]) -> "Classes":
        """Number the classes in the order of `names_by_key`, except for those in `ignore`."""
        names = [name for name in dict.fromkeys(names_by_key.values()) if name not in ignore]
        return cls(names, {key: names.index(name) if name in names else IGNORED for key, name in names_by_key.items()})


def file_name(path: str) -> str:
    """Return the last part of a path without its suffix."""
    return PurePosixPath(path).stem


def folded(name: str) -> str:
    """Return a name in Unicode normal form C and without case, so that names which clash on some disks are equal."""
    return unicodedata.normalize("NFC", name).casefold()


def class_name(name: str) -> str:
    """Return `BACKGROUND` for each name that a tool gives the background, any other name unchanged."""
    return BACKGROUND if name in BACKGROUND_NAMES else name


def check_points(coordinates: Iterable[Any], owner: str) -> list[Point]:
    """Return the points of a shape.

    Args:
        coordinates: x, y, x, y, … in pixels, as they stand in the file.
        owner: the shape's name, for the message.

    Raises:
        UserError: they are not pairs of finite numbers, or a point is absurdly far from the image.
    """
    try:
        numbers = [float(number) for number in coordinates]
    except (TypeError, ValueError, OverflowError):
        numbers = [math.nan]
    if len(numbers) % 2 or not all(abs(number) < LARGEST_COORDINATE for number in numbers):  # NaN compares false too
        raise UserError(f"{owner} has points that are no pairs of numbers near the image; redraw it")
    return list(zip(numbers[::2], numbers[1::2], strict=True))
