"""JSON files of COCO's instance annotations, such as instances_train2017.json.

Polygons and run-length encodings (RLE), drawn by pycocotools. Smaller objects are drawn over larger ones. An image is
the one beside its JSON file, or the nearest of that name. Categories of several files are joined by their names. The
split is the one that the JSON file is named after, or the folder of the image. See https://cocodataset.org/#format-data.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable
from typing import Any, ClassVar

import numpy as np

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.formats._base import Refuse
from darkroom.annotations.formats._shapes import ShapeFormat
from darkroom.annotations.pair import Size, check_points, class_name
from darkroom.annotations.shapes import AnnotatedImage, Geometry, Polygon, Runs, Shape, ring
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.split_folders import split_in_file_name

JsonObject = dict[str, Any]  # its values are checked where they are used


class Coco(ShapeFormat):
    """COCO's instance annotations. ORIENTATION is None, since the tools that write COCO's format differ."""

    TITLE: ClassVar[str] = "COCO"
    SMALLER_ON_TOP: ClassVar[bool] = True

    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether a JSON file has images, annotations and categories, and neither key points nor segments."""
        if not file.may_have("images", "annotations", "categories"):
            return False
        content = file.json
        for key in ("images", "annotations", "categories"):
            entries = content.get(key) if isinstance(content, dict) else None
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                return False
        is_panoptic = any("segments_info" in entry for entry in content["annotations"])
        return not is_panoptic and not any(category.get("keypoints") for category in content["categories"])

    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the images that a file lists, with their objects. An image without objects is all background.

        Annotations of images that are not listed are refused.
        """
        content = file.json
        names = _category_names(file.member, content)
        entries: dict[Hashable, list[JsonObject]] = defaultdict(list)
        for entry in content["annotations"]:
            entries[_id(entry.get("image_id"))].append(entry)
        id_counts = Counter(_id(image.get("id")) for image in content["images"])
        images = []
        for image in content["images"]:
            path, image_id = str(image.get("file_name")), _id(image.get("id"))
            if id_counts[image_id] > 1:
                refuse(f"{file}: its image {path!r} has the id {image_id!r} of another; give each image its own id")
                continue
            size = _stated_size(image)
            shapes = []
            for entry in entries.pop(image_id, []):
                owner = f"annotation {entry.get('id')!r}"
                try:
                    category = names.get(_id(entry.get("category_id")))
                    if category is None:
                        raise UserError(
                            f"{file}: {path}: {owner} has the unknown category {entry.get('category_id')!r}; add it to "
                            "categories"
                        )
                    geometry = _read_geometry(entry, f"{file}: {path}: {owner}", size)
                except UserError as error:
                    refuse(str(error))
                    continue
                shapes.append(Shape(category, geometry, owner))
            images.append(AnnotatedImage(path, shapes, size))
        for unlisted in entries.keys() - id_counts.keys():
            refuse(f"{file}: has an annotation of image {unlisted!r}, which it does not list; remove it")
        return images, {name: name for name in names.values()}

    def split_of(self, member: Member) -> str | None:
        """Return the split that a JSON file is named after, else that of its folder."""
        return split_in_file_name(member.name)


def _stated_size(image: JsonObject) -> Size | None:
    width, height = image.get("width"), image.get("height")
    return (width, height) if type(width) is int and type(height) is int and width > 0 and height > 0 else None


def _read_geometry(annotation: JsonObject, owner: str, size: Size | None) -> Geometry:
    """Return the polygons or the run lengths of an object."""
    segmentation = annotation.get("segmentation")
    if not segmentation and annotation.get("bbox"):
        raise UserError(f"{owner} is a box without a shape; draw its shape, or leave it out by skip_bad")
    if isinstance(segmentation, list):
        if segmentation and not any(isinstance(part, list) for part in segmentation):
            raise UserError(f"{owner}: its segmentation is a flat list; make it a list of polygons: [[x, y, …]]")
        parts = [check_points(part, f"{owner}: a polygon") for part in segmentation if isinstance(part, list)]
        if not parts or len(parts) < len(segmentation) or min(map(len, parts)) < 3:
            raise UserError(f"{owner}: a polygon has fewer than three points; redraw it")
        return Polygon(tuple(ring(part) for part in parts))
    return read_rle(segmentation, owner, size)


def read_rle(segmentation: object, owner: str, size: Size | None) -> Runs:
    """Return COCO's run lengths, plain or compressed.

    Args:
        segmentation: an object with `counts` and `size`, which is height and width.
        owner: what it belongs to, for messages.
        size: width and height of the image, where they are known.

    Raises:
        UserError: it is none, or it does not fit the image.
    """
    if isinstance(segmentation, dict):
        counts, stated = segmentation.get("counts"), segmentation.get("size")
        runs = decompress_counts(counts) if isinstance(counts, str) else counts
        if isinstance(runs, list) and all(type(run) is int and 0 <= run < 1 << 40 for run in runs):
            height, width = _read_size(stated)
            if sum(runs) != width * height or (size is not None and (width, height) != size):
                fit = f"{size[1]}×{size[0]}" if size is not None else "that size"
                raise UserError(
                    f"{owner}: an RLE of {sum(runs)} pixels, of size {stated}, does not fit an image of {fit}; "
                    "export it again"
                )
            return Runs(np.array(runs, np.int64), width, height, by_column=True)
    raise UserError(f"{owner}: its segmentation is neither polygons nor an RLE; export it again")


def _read_size(stated: object) -> tuple[int, int]:
    """Return the height and width that an RLE states; zeros where it states none."""
    if isinstance(stated, list) and len(stated) == 2 and all(type(side) is int and side > 0 for side in stated):
        return stated[0], stated[1]
    return 0, 0


def decompress_counts(counts: str) -> list[int] | None:
    """Return the run lengths of COCO's compressed RLE; None where the text is no such RLE.

    A length is written in groups of five bits, the lowest first, each in a character from `0` on. The sixth bit of a
    character says that more follow. The fifth bit of the last character is the sign. From the fourth length on, the
    number is the difference to the length two places before (pycocotools' maskApi.c). pycocotools itself decodes such
    texts too, but reads and writes outside its memory where a text is damaged.
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 30:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (bits & 16) << (shift - 4)
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    return runs if shift == 0 else None


def _category_names(file: Member, content: JsonObject) -> dict[Hashable, str]:
    """Return the names of a file's categories by the ids that this file gives them."""
    names: dict[Hashable, str] = {}
    for category in content["categories"]:
        category_id, name = _id(category.get("id")), class_name(str(category.get("name") or "").strip())
        if not name:
            raise UserError(f"{file}: category {category_id!r} has no name; give it one")
        other = names.setdefault(category_id, name)
        if other != name:
            raise UserError(
                f"{file}: category {category_id!r} is {other!r} and {name!r}; give each category its own id"
            )
    return names


def _id(value: object) -> int | str | None:
    """Return the id of an image or a category; None where the value cannot be one."""
    return value if type(value) is int or type(value) is str else None
