"""COCO panoptic: JSON files such as panoptic_val2017.json, and in a folder of that name PNGs of segments by colour.

The number of a segment is red + 256 green + 65536 blue; `segments_info` gives its category. The classes are the listed
categories in the order of the file. Where some categories are things and others are not, as COCO's, pixels of no
segment are ignored, as in the panoptic evaluation, and a segment of a category that is no thing is no object. Where all
are alike, as in files of CVAT and Datumaro, pixels of no segment are background, and each segment is an object. One
with `iscrowd` is no object. With `annotations.classes` the other categories are background. See
https://cocodataset.org/#format-data.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.class_lists import choose_classes
from darkroom.annotations.formats._base import Members, Refuse
from darkroom.annotations.formats._shapes import ShapeFormat
from darkroom.annotations.mask_files import check_size, open_image
from darkroom.annotations.pair import BACKGROUND, Pair, Size, class_name, file_name
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.shapes import AnnotatedImage, Region, Shape, Stencil, find_numbers
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.split_folders import split_in_file_name

JsonObject = dict[str, Any]  # its values are checked where they are used

VOID = 0  # the number of pixels of no segment
IGNORED_LABEL = None
UNKNOWN = Shape(IGNORED_LABEL, Stencil(b"", value=VOID), "unknown segments", is_object=False)
LARGEST_NUMBER = (1 << 24) - 1


class Panoptic(ShapeFormat):
    """COCO's panoptic annotations."""

    TITLE: ClassVar[str] = "COCO panoptic"
    IS_PUBLISHED: ClassVar[bool] = True
    KEEPS_CLASS_ORDER: ClassVar[bool] = True
    IGNORED_LABELS: ClassVar[frozenset[Hashable]] = frozenset({IGNORED_LABEL})

    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether a JSON file has images, categories, and annotations with segments."""
        if not file.may_have("images", "annotations", "categories", "segments_info"):
            return False
        content = file.json
        for key in ("images", "annotations", "categories"):
            entries = content.get(key) if isinstance(content, dict) else None
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                return False
        return any("segments_info" in entry for entry in content["annotations"])

    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the images of a file with a shape for each segment, which has the name of the file of segments."""
        content = file.json
        categories, folder = _read_categories(file), file_name(file.member.name)
        are_told_apart = len({is_thing for _, is_thing in categories.values()}) > 1
        void = IGNORED_LABEL if are_told_apart else BACKGROUND
        if not are_told_apart:
            categories = {key: (name, True) for key, (name, _) in categories.items()}
        images: dict[Hashable, list[JsonObject]] = defaultdict(list)
        for image in content["images"]:
            images[_id(image.get("id"))].append(image)
        found = []
        for annotation in content["annotations"]:
            path, image_id = annotation.get("file_name"), _id(annotation.get("image_id"))
            listed = images[image_id]
            if not isinstance(path, str) or len(listed) != 1:
                count = "several images" if listed else "no image"
                refuse(f"{file}: the segments {path!r} are of the image {image_id!r}, an id of {count}; correct it")
                continue
            entries = annotation.get("segments_info")
            if not isinstance(entries, list):
                refuse(f"{file}: the segments {path!r} have no list segments_info; export it again")
                continue
            no_segment = Stencil(f"{folder}/{path}", value=VOID)
            shapes = {VOID: Shape(void, no_segment, "no segment", is_object=False)}
            for entry in entries:
                try:
                    number, shape = _read_segment(entry, f"{folder}/{path}", categories, f"{file}: {path}")
                    if number in shapes:
                        raise UserError(f"{file}: {path}: segment {number} is listed twice; export it again")
                except UserError as error:
                    refuse(str(error))
                    continue
                shapes[number] = shape
            found.append(AnnotatedImage(str(listed[0].get("file_name")), list(shapes.values()), _size(listed[0])))
        names = [*([] if are_told_apart else [BACKGROUND]), *(name for name, _ in categories.values())]
        return found, {name: name for name in names}

    def split_of(self, member: Member) -> str | None:
        """Return the split that a JSON file is named after, else that of its folder."""
        return split_in_file_name(member.name)

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the categories in the order of the files, or those of the parameters."""
        listed: dict[Hashable, str] = {}
        for content in members.contents[self.name].values():
            listed |= content.classes
        return choose_classes(listed, parameters)

    def find_regions(
        self, pair: Pair, ids: Mapping[Hashable, int], size: Size, refuse: Refuse
    ) -> list[tuple[Shape, Region]]:
        """Return the segments with their pixels. All pixels come first, ignored, and stay so where a segment is bad."""
        assert pair.drawn is not None
        regions = [(UNKNOWN, Region(0, 0, np.ones(size[::-1], bool)))]
        if not pair.drawn.shapes:
            return regions  # the file is missing, which was refused
        assert isinstance(pair.drawn.shapes[0].geometry, Stencil)
        file = pair.drawn.shapes[0].geometry.file  # of all shapes
        assert isinstance(file, Member)
        numbers = _read_numbers(file)
        check_size(replace(pair, annotation=file, is_one_of_many=False), numbers, size)
        used, places = np.unique(numbers, return_inverse=True)
        places = places.reshape(numbers.shape)
        listed = {one.geometry.value: one for one in pair.drawn.shapes if isinstance(one.geometry, Stencil)}
        for number in listed.keys() - set(used.tolist()) - {VOID}:
            refuse(f"{pair}: {listed[number].title} has no pixels in {file.name}; export it again")
        for index, number in enumerate(used.tolist()):
            y, x = divmod(int(np.flatnonzero(places == index)[0]), size[0])
            if number not in listed:
                refuse(
                    f"{pair}: segment {number} at ({x}, {y}) of {file.name} is not in segments_info; export it again"
                )
            elif listed[number].label not in ids and listed[number].label not in self.IGNORED_LABELS:
                refuse(f"{pair}: {listed[number].title}: unknown class {listed[number].label!r}; add it to categories")
            else:
                regions.append((listed[number], Region(0, 0, places == index)))
        return regions


def _read_numbers(file: Member) -> np.ndarray:
    image = open_image(file)
    try:
        return find_numbers(image)
    except ValueError as error:
        raise UserError(f"{file}: holds no numbers of segments: {error}; export it again") from None


def _read_categories(file: AnnotationFile) -> dict[Hashable, tuple[str, bool]]:
    """Return the name of each category by its id, and whether it is a thing."""
    categories: dict[Hashable, tuple[str, bool]] = {}
    for category in file.json["categories"]:
        category_id, name = _id(category.get("id")), category.get("name")
        if category_id is None or not isinstance(name, str) or not name.strip():
            raise UserError(f"{file}: category {category.get('id')!r} has no id or no name; give it one")
        if category_id in categories:
            raise UserError(f"{file}: has two categories of the id {category_id!r}; give each its own id")
        categories[category_id] = class_name(name.strip()), bool(category.get("isthing", True))
    return categories


def _read_segment(
    entry: object, path: str, categories: Mapping[Hashable, tuple[str, bool]], where: str
) -> tuple[int, Shape]:
    """Return the number of a segment and its shape."""
    if not isinstance(entry, dict):
        raise UserError(f"{where}: has a segment that is no object; export it again")
    number, category = entry.get("id"), _id(entry.get("category_id"))
    if type(number) is not int or not VOID < number <= LARGEST_NUMBER:
        raise UserError(f"{where}: has the segment {number!r}, which no colour stands for; export it again")
    if category not in categories:
        raise UserError(
            f"{where}: segment {number} has the unknown category {entry.get('category_id')!r}; add it to categories"
        )
    name, is_thing = categories[category]
    return number, Shape(
        name,
        Stencil(path, value=number),
        f"segment {number}, a {name},",
        is_object=is_thing and not entry.get("iscrowd"),
    )


def _size(image: JsonObject) -> Size | None:
    width, height = image.get("width"), image.get("height")
    return (width, height) if type(width) is int and type(height) is int and width > 0 and height > 0 else None


def _id(value: object) -> int | str | None:
    """Return an id; None where the value cannot be one."""
    return value if type(value) is int or type(value) is str else None
