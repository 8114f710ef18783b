"""What every format's reader gives: images with their annotations, and the classes' ids."""

import math
import unicodedata
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.pairs import IGNORED

BACKGROUND = "background"
BACKGROUND_NAMES = (BACKGROUND, "_background_", "__background__")  # as the tools call it
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
FAR = 100_000  # pixels: what lies further outside of an image was not drawn by anyone

Point = tuple[float, float]
Refuse = Callable[[str], None]  # told of an annotation that cannot be used: raises, or notes it and goes on


class WrongSize(UserError):
    """The annotation was made on an image of another size."""


@dataclass(frozen=True)
class Pair:
    """An image and its annotation.

    Attributes:
        name: names the prepared files: the image's or the annotation's name without folder and suffix.
        image: the image's file; None where the annotation holds the image itself.
        split: the split that the source puts it in, None where it has no splits.
        entry: what a file that annotates many images says of this one.
    """

    name: str
    image: Member | None
    annotation: Member
    split: str | None
    entry: Any = None

    def __str__(self) -> str:
        return str(self.annotation) if self.entry is None else f"{self.annotation}: {self.name}"


@dataclass(frozen=True)
class Classes:
    """The source's classes and the ids that they get in the masks.

    Attributes:
        names: of the ids 0, 1, 2, …, the background first.
        ids: by what stands for a class in the source: a name, a pixel's value, or a colour.
            Of classes whose pixels count for nothing, `IGNORED`.
    """

    names: list[str]
    ids: dict[Hashable, int]

    @classmethod
    def numbered(cls, named: Mapping[Hashable, str], ignore: list[str]) -> "Classes":
        """Number the classes that `named` gives, in its order, without those in `ignore`."""
        names = [name for name in dict.fromkeys(named.values()) if name not in ignore]
        return cls(names, {key: names.index(name) if name in names else IGNORED for key, name in named.items()})


def file_name(path: str) -> str:
    """The last part of a path in an archive, without its suffix."""
    return PurePosixPath(path).stem


def folded(name: str) -> str:
    """A name in the form in which file systems that ignore case hold two names for one."""
    return unicodedata.normalize("NFC", name).casefold()


def class_name(name: str) -> str:
    """A class's name, `BACKGROUND` where a tool has a name of its own for that."""
    return BACKGROUND if name in BACKGROUND_NAMES else name


def checked_points(flat: list, owner: str) -> list[Point]:
    """The points of a shape, given as x, y, x, y, …

    Raises:
        UserError: they are no finite numbers, or lie absurdly far outside; `owner` says of what.
    """
    try:
        numbers = [float(number) for number in flat]
    except (TypeError, ValueError, OverflowError):
        numbers = [math.nan]
    if len(numbers) % 2 or not all(abs(number) < FAR for number in numbers):  # NaN is not less either
        raise UserError(f"{owner} has points that are no pairs of numbers near the image; redraw it")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def count_outside(points: list[Point], size: tuple[int, int]) -> int:
    """How many of the points lie outside of an image of `size` (width, height); drawing clips them."""
    return sum(not (0 <= x <= size[0] and 0 <= y <= size[1]) for x, y in points)
