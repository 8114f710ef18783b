"""What all annotation formats have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from darkroom.annotations.format_names import format_names
from darkroom.annotations.pair import Pair, Size
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.shapes import Region, Shape
from darkroom.common.named import classes_in

if TYPE_CHECKING:
    from darkroom.annotations.source_files import SourceFiles

Members: TypeAlias = "SourceFiles"  # the files of a source by their paths
Mask = NDArray[np.uint8]  # class ids (height, width)
ObjectIds = NDArray[np.uint16]  # ids of the objects from 1 on, 0 where there is none, (height, width)
MOST_OBJECTS = 65_535  # of an image, since object ids have 16 bits
Orientation = Literal["seen", "stored"]  # of a photo when it was annotated: turned upright by EXIF, or as stored

# Called with the reason why an annotation cannot be used. Raises a UserError, or notes the reason (skip_bad).
Refuse = Callable[[str], None]


@dataclass(frozen=True)
class DrawnShape:
    """An annotated shape in pixels, its class id and its region."""

    class_id: int
    shape: Shape
    region: Region


@dataclass(frozen=True)
class Drawing:
    """A drawn annotation.

    Attributes:
        mask: class ids.
        objects: object ids, where they were asked for.
        points_outside: number of annotated points outside the image; drawing clips them.
        unseen: number of shapes without a pixel in the image.
        shapes: in the order of drawing, of a format of shapes; else None.
    """

    mask: Mask
    objects: ObjectIds | None = None
    points_outside: int = 0
    unseen: int = 0
    shapes: list[DrawnShape] | None = None


class AnnotationFormat(ABC):
    """An annotation format. Each module of `darkroom.annotations.formats` defines one subclass.

    Attributes:
        OPTIONS: the fields of `AnnotationParameters` that this format uses and not every format does.
        ORIENTATION: how the format's tool shows photos with an EXIF orientation; None: tools differ.
        HAS_OBJECTS: the format tells objects of one class from each other.
        IS_PUBLISHED: a published data set's layout; it takes precedence over others that find as many images.
    """

    OPTIONS: ClassVar[frozenset[str]] = frozenset()
    ORIENTATION: ClassVar[Orientation | None] = None
    HAS_OBJECTS: ClassVar[bool] = False
    IS_PUBLISHED: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """The format's name in params.yaml, which is that of its module."""
        return type(self).__module__.rpartition(".")[2]

    def check_parameters(self, parameters: AnnotationParameters) -> None:
        """Check that the format uses all options that are set.

        Raises:
            ValueError: it does not use one of them.
        """
        for option in parameters.format_options():
            if option not in self.OPTIONS:
                users = " and ".join(one.name for one in load_formats() if option in one.OPTIONS)
                value = getattr(parameters, option)
                raise ValueError(f"{option} = {value!r}: is used by {users}, not by {self.name}; remove it")

    @abstractmethod
    def recognizes(self, members: Members, parameters: AnnotationParameters) -> bool:
        """Return whether a source has files of this format, for `format: auto`."""

    @abstractmethod
    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return the annotated images of a source in any order.

        Args:
            members: the files of the source.
            parameters: how annotations are read.
            refuse: called for each annotation that cannot be used.
        """

    @abstractmethod
    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the class names by key: a name, a pixel value or a colour. Their order is that of the class ids.

        The background comes first. Several keys may have the same name.
        """

    @abstractmethod
    def annotated_size(self, pair: Pair) -> Size | None:
        """Return the width and height in pixels that the annotation states; None where it states none."""

    @abstractmethod
    def draw(
        self, pair: Pair, ids: Mapping[Hashable, int], size: Size, refuse: Refuse, with_objects: bool = False
    ) -> Drawing:
        """Draw the mask of a pair.

        Args:
            pair: one that `find_pairs` returned.
            ids: class ids by the keys of `name_classes`.
            size: width and height of the image.
            refuse: called for each shape that cannot be drawn.
            with_objects: draw the object ids too, of a format that `HAS_OBJECTS`.

        Raises:
            WrongSize: the annotation states another size.
        """

    def tells_objects(self, pair: Pair) -> bool:
        """Return whether the source has what tells the objects of a pair from each other."""
        return self.HAS_OBJECTS

    def read_embedded_image(self, pair: Pair) -> bytes:
        """Return the image file that the annotation file contains, of a pair without an image file."""
        raise NotImplementedError(f"{self.name}: {pair} has no image file")


def load_format(name: str) -> AnnotationFormat:
    """Return the format of this name.

    Raises:
        TypeError: a module of this package does not define exactly one subclass of `AnnotationFormat`.
    """
    return classes_in(__package__, AnnotationFormat)[name]()


def load_formats() -> list[AnnotationFormat]:
    """Return all formats, sorted by their names."""
    return [load_format(name) for name in format_names()]
