"""What every format's reader gives: images with their annotations, and the classes' ids."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from darkroom.archives import Member
from darkroom.datasets.pairs import IGNORED

BACKGROUND = "background"


IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Pair:
    """An image and its annotation.

    Attributes:
        name: without folder and suffix; names the prepared files.
        image: the image's file; None where the annotation holds the image itself.
        split: the split that the source puts it in, None where it has no splits.
    """

    name: str
    image: Member | None
    annotation: Member
    split: str | None


@dataclass(frozen=True)
class Classes:
    """The source's classes and the ids that they get in the masks.

    Attributes:
        names: in the source's order, the background first.
        ids: by name: 0, 1, 2, … without gaps, `IGNORED` for those that count for nothing.
    """

    names: list[str]
    ids: dict[str, int]

    @classmethod
    def numbered(cls, names: list[str], ignore: list[str]) -> "Classes":
        kept = [name for name in names if name not in ignore]
        return cls(names, {name: kept.index(name) if name in kept else IGNORED for name in names})

    @property
    def kept(self) -> list[str]:
        """The names of the ids 0, 1, 2, …"""
        return [name for name in self.names if self.ids[name] != IGNORED]


def file_name(path: str) -> str:
    """The last part of a path in an archive, without its suffix."""
    return PurePosixPath(path).stem
