"""What all writers have in common."""

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from darkroom.annotations.formats._base import DrawnShape, Mask, ObjectIds
from darkroom.annotations.pair import BACKGROUND, Size
from darkroom.common.named import classes_in
from darkroom.datasets.description import SPLITS

SPLIT_NAMES = {"train": "train", "validation": "val", "test": "test"}  # names of folders and files by split


@dataclass(frozen=True)
class DrawnImage:
    """An image with its annotation, drawn.

    Attributes:
        name: of the files to write, without a suffix.
        split: train, validation or test; None where the source has no splits.
        image: the image file, which lies where the writer's `image_folder` says.
        mask: class ids.
        objects: object ids, where they were drawn.
        shapes: what was annotated, in the order of drawing; None where only the mask is known.
    """

    name: str
    split: str | None
    image: Path
    mask: Mask
    objects: ObjectIds | None = None
    shapes: list[DrawnShape] | None = None

    @property
    def size(self) -> Size:
        """Width and height."""
        height, width = self.mask.shape
        return width, height


@dataclass(frozen=True)
class Written:
    """What the files of all images need to know of one.

    Attributes:
        name: of its files, without a suffix.
        split: train, validation or test; None where the source has no splits.
        image: name of the image file.
        size: width and height.
        classes: ids of the classes that its files hold.
        content: what the writer's `finish` needs.
        changed: numbers of pixels and objects that the files do not hold as they were annotated, by what became of
            them.
    """

    name: str
    split: str | None
    image: str
    size: Size
    classes: frozenset[int] = frozenset()
    content: Any = None
    changed: Counter[str] = field(default_factory=Counter)


class Writer(ABC):
    """Writes annotated images in the layout of a tool. Each module of this package defines one subclass.

    Attributes:
        HAS_SPLIT_FOLDERS: images of two splits may have the same name.
        WANTS_OBJECTS: object ids are written wherever the format of the source has them.
        root: folder to write to.
        names: class names by id.
        first: id of the first class that is not the background: 0 where masks have no background, else 1.
        with_objects: object ids are written, of a source that has them.
    """

    HAS_SPLIT_FOLDERS: ClassVar[bool] = True
    WANTS_OBJECTS: ClassVar[bool] = False

    def __init__(self, root: Path, names: list[str], with_objects: bool = False) -> None:
        self.root, self.names, self.with_objects = root, names, with_objects
        self.first = int(names[0] == BACKGROUND)
        self.check_names()

    def check_names(self) -> None:
        """Check that the layout can hold the class names.

        Raises:
            UserError: it cannot.
        """
        return

    @abstractmethod
    def image_folder(self, split: str | None) -> Path:
        """Return the folder of a split's images."""

    @abstractmethod
    def write(self, image: DrawnImage) -> Written:
        """Write the files of one image, in a worker process. Its folders may be missing."""

    def finish(self, written: list[Written]) -> None:  # noqa: B027 # not every layout has such files
        """Write the files of all images."""

    def remarks(self, written: list[Written]) -> list[str]:
        """Return what the files do not hold as it was annotated, with counts."""
        changed = sum((one.changed for one in written), Counter[str]())
        return [f"{count:,} {what}" for what, count in changed.items()]

    def unused_classes(self, written: list[Written]) -> list[str]:
        """Return the names of the classes that no image has."""
        used = frozenset[int]().union(*(one.classes for one in written))
        return [name for class_id, name in enumerate(self.names) if class_id >= self.first and class_id not in used]


def load_writer(name: str) -> type[Writer]:
    """Return the writer of this name."""
    return classes_in(__package__, Writer)[name]


def by_split(written: list[Written]) -> dict[str | None, list[Written]]:
    """Return the images of each split that has some, in the order train, validation, test."""
    found = {split: [one for one in written if one.split == split] for split in (None, *SPLITS)}
    return {split: some for split, some in found.items() if some}
