"""JSON files of Segment Anything's data set SA-1B, one beside each image: sa_1.jpg and sa_1.json.

Masks as run-length encodings (RLE). They have no classes, so all are of the class `object`; smaller objects are drawn
over larger ones. See https://github.com/facebookresearch/segment-anything#dataset.
"""

from collections.abc import Hashable
from typing import ClassVar

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.formats._base import Refuse
from darkroom.annotations.formats._shapes import ShapeFormat
from darkroom.annotations.formats.coco import read_rle
from darkroom.annotations.shapes import AnnotatedImage, Shape
from darkroom.common.errors import UserError

CLASS = "object"


class Sam(ShapeFormat):
    """SA-1B's JSON files. Its images have no EXIF orientation."""

    TITLE: ClassVar[str] = "SA-1B"
    HAS_FILE_PER_IMAGE: ClassVar[bool] = True
    SMALLER_ON_TOP: ClassVar[bool] = True

    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether a JSON file has one image and annotations with segmentations and without categories."""
        if not file.may_have("image", "annotations", "file_name"):
            return False
        content = file.json
        if not isinstance(content, dict) or "categories" in content:
            return False
        image, entries = content.get("image"), content.get("annotations")
        return (
            isinstance(image, dict)
            and isinstance(image.get("file_name"), str)
            and isinstance(entries, list)
            and all(isinstance(one, dict) and "segmentation" in one and "category_id" not in one for one in entries)
        )

    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the image of a file with its objects."""
        image, entries = file.json["image"], file.json["annotations"]
        width, height = image.get("width"), image.get("height")
        is_stated = type(width) is int and type(height) is int and width > 0 and height > 0
        size = (width, height) if is_stated else None
        shapes = []
        for entry in entries:
            owner = f"annotation {entry.get('id')!r}"
            try:
                shapes.append(Shape(CLASS, read_rle(entry["segmentation"], f"{file}: {owner}", size), owner))
            except UserError as error:
                refuse(str(error))
        return [AnnotatedImage(image["file_name"], shapes, size)], {CLASS: CLASS}
