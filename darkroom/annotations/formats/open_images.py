"""Open Images' segmentations: CSV files such as train-annotations-object-segmentation.csv, and a PNG for each object.

A mask is scaled to the size of its image by the nearest pixel. Smaller objects are drawn over larger ones. The names of
the classes are in `class-descriptions….csv` (or FiftyOne's `classes.csv`) by their codes, such as /m/01g317, and
sorted. The CSV files list all images; those that are not in the archive are left out. See
https://storage.googleapis.com/openimages/web/download_v7.html.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Hashable
from pathlib import PurePosixPath
from typing import ClassVar

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.class_lists import choose_classes
from darkroom.annotations.formats._base import Members, Refuse
from darkroom.annotations.formats._shapes import ShapeFormat
from darkroom.annotations.pair import BACKGROUND, Pair, class_name
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.shapes import AnnotatedImage, Shape, Stencil
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.split_folders import split_in_file_name

COLUMNS = ("MaskPath", "ImageID", "LabelName")
NAMES = re.compile(r".*class-descriptions.*\.csv|(segmentation_)?classes\.csv", re.IGNORECASE)


class OpenImages(ShapeFormat):
    """Open Images' segmentations."""

    TITLE: ClassVar[str] = "Open Images"
    IS_PUBLISHED: ClassVar[bool] = True
    SUFFIXES: ClassVar[tuple[str, ...]] = (".csv",)
    SMALLER_ON_TOP: ClassVar[bool] = True
    LISTS_OTHER_IMAGES: ClassVar[bool] = True

    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether a CSV file has columns of masks, images and classes."""
        header = file.text.partition("\n")[0]
        return all(column in header for column in COLUMNS)

    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the images of a file with a shape for each mask."""
        shapes: dict[str, list[Shape]] = defaultdict(list)
        rows = csv.DictReader(io.StringIO(file.text, newline=""))
        try:
            for row in rows:
                mask, image, label = (str(row.get(column) or "").strip() for column in COLUMNS)
                if not (mask and image and label):
                    refuse(f"{file}: line {rows.line_num} has no mask, image or class; complete it")
                    continue
                shapes[image].append(Shape(label, Stencil(mask, fits=True), f"line {rows.line_num}"))
        except csv.Error as error:
            raise UserError(f"{file}: is not CSV ({error}); take the data set's own file") from None
        return [AnnotatedImage(f"{image}.jpg", masks) for image, masks in shapes.items()], {}

    def split_of(self, member: Member) -> str | None:
        """Return the split that a CSV file is named after, else that of its folder."""
        return split_in_file_name(member.name)

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the names of the classes in use by their codes. Codes without a name stand for themselves."""
        names = _read_names(members)
        used = {str(shape.label) for pair in pairs if pair.drawn is not None for shape in pair.drawn.shapes}
        by_code = {code: class_name(names.get(code, code)) for code in used}
        listed: dict[Hashable, str] = {BACKGROUND: BACKGROUND}
        listed |= dict(sorted(by_code.items(), key=lambda item: (item[1], item[0])))
        return choose_classes(listed, parameters)


def _read_names(members: Members) -> dict[str, str]:
    """Return the names of classes by their codes.

    Raises:
        UserError: two files give a code different names.
    """
    names: dict[str, str] = {}
    for path, member in members.items():
        if not NAMES.fullmatch(PurePosixPath(path).name):
            continue
        try:
            rows = list(csv.reader(io.StringIO(member.text(), newline="")))
        except csv.Error as error:
            raise UserError(f"{member}: is not CSV ({error}); take the data set's own file") from None
        for row in rows:
            if len(row) >= 2 and row[0].startswith("/") and row[1].strip():
                name = row[1].strip()
                if names.setdefault(row[0], name) != name:
                    raise UserError(f"{member}: names {row[0]} {name!r} and not {names[row[0]]!r}; keep one list")
    return names
