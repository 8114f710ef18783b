"""ADE20K: the scene parsing benchmark with its 150 classes, and the full data set with `X_seg.png` beside each image.

The benchmark has `images/training/X.jpg`, `annotations/training/X.png` and `objectInfo150.txt`: the value 0, other
objects, is ignored, and 1 to 150 are the classes in the order of the list: wall has id 0. Of the full data set, the
class number of a pixel is red / 10 · 256 + green, and objects are told apart by blue. The names of its classes are in
the `X.json` (`name`) or `X_atr.txt` beside each image, sorted; unlabelled pixels are ignored, and parts of objects are
not read. As it has thousands of classes, choose some by `annotations.classes`: the others are background then. See
https://github.com/CSAILVision/ADE20K and https://github.com/CSAILVision/sceneparsing.
"""

import re
from collections.abc import Hashable, Mapping
from pathlib import PurePosixPath
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.class_lists import choose_classes
from darkroom.annotations.formats._base import Drawing, Members, Refuse
from darkroom.annotations.image_index import ImageIndex
from darkroom.annotations.mask_files import MaskFileFormat, check_size, match_masks, number_objects, open_image
from darkroom.annotations.pair import Pair, Size, file_name
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.progress import progress
from darkroom.datasets.pairs import IGNORED
from darkroom.datasets.split_folders import split_in

CLASS_LIST = "objectinfo150.txt"
IMAGE_FOLDERS, MASK_FOLDERS = ("images",), ("annotations",)
OTHER = 0  # the value of pixels without a class
SEGMENTS, NAMES_2021, NAMES_2016 = "_seg.png", ".json", "_atr.txt"
COLUMNS = 6  # of `_atr.txt`: object, part level, occluded, class, name as typed, attributes


class Ade20k(MaskFileFormat):
    """ADE20K."""

    HAS_OBJECTS: ClassVar[bool] = True
    IS_PUBLISHED: ClassVar[bool] = True

    def recognizes(self, members: Members, parameters: AnnotationParameters) -> bool:
        """Return whether there is the benchmark's list of classes, or files of segments with their names."""
        return _find_class_list(members) is not None or bool(_find_segments(members))

    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return a pair for each image of the benchmark, or of the full data set where there is no list of classes."""
        if _find_class_list(members) is not None:
            matches = match_masks(members, IMAGE_FOLDERS, MASK_FOLDERS, refuse, allow_unlabelled=True)
            return [Pair(file_name(one.image.name), one.image, one.mask, split_in(one.mask.name)) for one in matches]
        images, pairs = ImageIndex(members), []
        for name, (segments, names) in _find_segments(members).items():
            image = images.find(f"{PurePosixPath(name).name}.jpg", segments, None)
            if image is None:
                refuse(f"{segments}: its image {PurePosixPath(name).name}.jpg is not in the archive; add it")
                continue
            pairs.append(Pair(file_name(image.name), image, segments, split_in(segments.name), details=names))
        return pairs

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the listed names by value, or the names in the files of the full data set."""
        listed = _find_class_list(members)
        if listed is not None:
            return choose_classes(_read_class_list(listed), parameters)
        names: set[str] = set()
        bar = progress(len(pairs), "reading classes")
        for pair in pairs:
            bar.update()
            names |= set(_read_names(pair.details).values())
        bar.close()
        return choose_classes({name: name for name in sorted(names)}, parameters)

    def tells_objects(self, pair: Pair) -> bool:
        """Return whether there is a file of the pair's object ids."""
        return pair.details is not None

    def draw(
        self, pair: Pair, ids: Mapping[Hashable, int], size: Size, refuse: Refuse, with_objects: bool = False
    ) -> Drawing:
        """Draw the mask of a pair."""
        if pair.details is None:
            return super().draw(pair, {OTHER: IGNORED, **ids}, size, refuse, with_objects)
        classes, objects = _read_segments(pair)
        check_size(pair, classes, size)
        names = _names_by_class(pair, classes, objects)
        unknown = next((name for name in names.values() if name not in ids), None)
        if unknown is not None:
            raise UserError(f"{pair}: unknown class {unknown!r}; add it to annotations.classes")
        table = np.full(int(classes.max(initial=0)) + 1, IGNORED, np.uint8)
        for number, name in names.items():
            table[number] = ids[name]
        mask = np.asarray(table[classes])
        return Drawing(mask, number_objects(pair, objects, mask) if with_objects else None)

    def object_numbers(self, pair: Pair) -> NDArray[np.int64]:
        """Refuse the benchmark, whose masks do not tell objects from each other."""
        raise UserError(f"{pair}: the masks of scene parsing have no objects; use the full ADE20K for object ids")


def _find_class_list(members: Members) -> Member | None:
    return next((one for name, one in members.items() if PurePosixPath(name).name.lower() == CLASS_LIST), None)


def _find_segments(members: Members) -> dict[str, tuple[Member, Member]]:
    """Return the files of segments and of names by their path without an ending."""
    found = {}
    for name, member in members.items():
        stem = name.removesuffix(SEGMENTS)
        names = members.get(stem + NAMES_2021) or members.get(stem + NAMES_2016)
        if stem != name and names is not None:
            found[stem] = (member, names)
    return found


def _read_class_list(file: Member) -> dict[Hashable, str]:
    """Return the names of the benchmark's classes by pixel value: the first and the last column of the list."""
    names: dict[Hashable, str] = {}
    for line in file.text().splitlines():
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) > 1 and columns[0].isdecimal():
            number, name = int(columns[0]), columns[-1]
            if number in names or name in names.values():
                raise UserError(f"{file}: has the class {number} {name!r} twice; keep one of them")
            names[number] = name
    if not names:
        raise UserError(f"{file}: is no list of numbers and names of classes between tabs; take the data set's own")
    return names


def _read_segments(pair: Pair) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of classes and the values of objects of each pixel."""
    image = open_image(pair.annotation)
    if image.mode != "RGB":
        raise UserError(f"{pair}: is {image.mode}, not RGB; take the data set's own file")
    red, green, blue = np.moveaxis(np.asarray(image).astype(np.int64), 2, 0)
    return red // 10 * 256 + green, blue


def _read_names(file: Member) -> dict[int, str]:
    """Return the names of classes by the number of the class, or of `_atr.txt` by the number of the object.

    Raises:
        UserError: the file is not ADE20K's.
    """
    names: dict[int, str] = {}
    if file.name.endswith(NAMES_2021):
        entries: Any = AnnotationFile(file).json
        for key in ("annotation", "object"):
            entries = entries.get(key) if isinstance(entries, dict) else None
        entries = [entries] if isinstance(entries, dict) else entries  # MATLAB writes a list of one as its element
        if not isinstance(entries, list):
            raise UserError(f"{file}: has no list of objects of ADE20K; take the data set's own file")
        for entry in entries:
            number = entry.get("name_ndx") if isinstance(entry, dict) else None
            name = entry.get("name") if isinstance(entry, dict) else None
            if type(number) is not int or not isinstance(name, str) or not name:
                raise UserError(f"{file}: has an object without name and name_ndx; take the data set's own file")
            if names.setdefault(number, name) != name:
                raise UserError(
                    f"{file}: class {number} is {names[number]!r} and {name!r}; take the data set's own file"
                )
        return names
    for line in file.text().splitlines():
        columns = [column.strip() for column in line.split("#")]
        if not line.strip():
            continue
        if len(columns) < COLUMNS or not re.fullmatch(r"\d+", columns[0]) or not columns[3]:
            raise UserError(f"{file}: {line!r} is no line of ADE20K's objects; take the data set's own file")
        if columns[1] == "0":
            names[int(columns[0])] = columns[3]
    return names


def _names_by_class(pair: Pair, classes: NDArray[np.int64], objects: NDArray[np.int64]) -> dict[int, str]:
    """Return the names of the classes that a mask has, by their numbers.

    In `_atr.txt`, an object's number is its place among the values of blue, as the data set's own code has it.
    """
    listed = _read_names(pair.details)
    if not pair.details.name.endswith(NAMES_2016):
        used = set(np.unique(classes).tolist()) - {OTHER}
        missing = next((number for number in sorted(used) if number not in listed), None)
        if missing is not None:
            raise UserError(f"{pair}: class {missing} has no name in {pair.details.name}; take the data set's own file")
        return {number: listed[number] for number in used}
    values = sorted(set(np.unique(objects).tolist()) | {0})
    names: dict[int, str] = {}
    pixels = np.unique(np.stack([classes[classes != OTHER], objects[classes != OTHER]]), axis=1)
    for number, value in pixels.T.tolist():
        name = listed.get(values.index(value))
        if name is None or names.setdefault(number, name) != name:
            raise UserError(
                f"{pair}: object {values.index(value)} of class {number} is {name!r} in {pair.details.name}, "
                f"unlike others; take the data set's own file"
            )
    return names
