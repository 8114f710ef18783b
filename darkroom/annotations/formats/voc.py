"""Pascal VOC's layout: `JPEGImages/`, `SegmentationClass/` and the lists of splits in `ImageSets/Segmentation/`.

The masks are palette PNGs whose indices are the class ids; 255, drawn around objects, is ignored. The objects are those
of `SegmentationObject/`, told apart by index or colour. The names of the
classes are in `class_names.txt`, as labelme2voc writes it, or with colours in CVAT's `labelmap.txt`. Pascal VOC's own
sets need no list. See http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf.
"""

import re
from collections.abc import Hashable
from pathlib import PurePosixPath
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.annotations.class_lists import find_used_values, name_mask_classes, read_class_list
from darkroom.annotations.formats._base import Members, Refuse
from darkroom.annotations.mask_files import (
    IGNORED_OF_16_BITS,
    Key,
    MaskFileFormat,
    Match,
    is_in_folder,
    make_key,
    match_masks,
    open_image,
    read_values,
)
from darkroom.annotations.pair import BACKGROUND, IMAGE_SUFFIXES, Pair, file_name, folded
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.shapes import find_numbers
from darkroom.common.errors import UserError
from darkroom.datasets.pairs import IGNORED

IMAGE_FOLDER, LIST_FOLDER = "jpegimages", "segmentation"
# The first that exists holds the masks: beside SegmentationClassPNG, SegmentationClass holds NumPy arrays.
MASK_FOLDERS = ("segmentationclasspng", "segmentationclass")
OBJECT_FOLDERS = ("segmentationobjectpng", "segmentationobject")
BORDER = (224, 224, 192)  # the colour of the index 255 in Pascal VOC's palette
SPLITS_BY_LIST = {"train.txt": "train", "val.txt": "validation", "test.txt": "test"}
PASCAL_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
PASCAL_IMAGE_NAME = r"20(0[7-9]|1[0-2])_\d{6}"


class Voc(MaskFileFormat):
    """Pascal VOC's layout."""

    OPTIONS: ClassVar[frozenset[str]] = frozenset({"threshold"})
    HAS_OBJECTS: ClassVar[bool] = True

    def recognizes(self, members: Members, parameters: AnnotationParameters) -> bool:
        """Return whether there are image files in a folder `SegmentationClass` or `SegmentationClassPNG`."""
        return any(is_in_folder(name, MASK_FOLDERS) for name in members)

    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return a pair for each mask and its image. Where there are lists of splits, unlisted images train.

        Masks without an image are refused.

        Raises:
            UserError: the lists of two splits have the same name.
        """
        splits = _read_splits(members)
        matches = _match_masks(members, MASK_FOLDERS, refuse)
        objects = {one.key: one.mask for one in _match_masks(members, OBJECT_FOLDERS, lambda _: None)}
        pairs = []
        for one in matches:
            split = splits.get(one.key, "train") if splits else None
            pairs.append(Pair(file_name(one.image.name), one.image, one.mask, split, details=objects.get(one.key)))
        return pairs

    def tells_objects(self, pair: Pair) -> bool:
        """Return whether there is a file of the pair's object ids."""
        return pair.details is not None

    def object_numbers(self, pair: Pair) -> NDArray[np.int64]:
        """Return the indices or the colours of the file in `SegmentationObject`."""
        if pair.details is None:
            raise UserError(f"{pair}: has no file in SegmentationObject, which holds the object ids; add it")
        image = open_image(pair.details)
        if image.mode in ("RGB", "RGBA"):
            numbers = find_numbers(image).astype(np.int64)
            numbers[numbers == find_numbers(Image.new("RGB", (1, 1), BORDER))] = 0
            return numbers
        numbers = read_values(pair.details).astype(np.int64)
        numbers[numbers == (IGNORED_OF_16_BITS if image.mode.startswith("I") else IGNORED)] = 0
        return numbers

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the names of the parameters or of a list, else Pascal VOC's where the set is one of these.

        Else the names are `class 1`, `class 2`, … Which names were chosen without a list is printed.
        """
        if parameters.classes is None and parameters.threshold is None and read_class_list(members) is None:
            if _is_pascal_voc(pairs, members):
                print("the classes are named as Pascal VOC's, since layout and values are Pascal VOC's", flush=True)
                return dict(enumerate([BACKGROUND, *PASCAL_CLASSES]))
            print("no list names the classes: they are called class 1, class 2, …; add a class_names.txt", flush=True)
        return name_mask_classes(pairs, members, parameters)


def _match_masks(members: Members, folders: tuple[str, ...], refuse: Refuse) -> list[Match]:
    """Return the images with their masks in the first of the folders that exists."""
    there = (name for name in folders if any(is_in_folder(member, (name,)) for member in members))
    return match_masks(members, (IMAGE_FOLDER,), (next(there, folders[-1]),), refuse, allow_unlabelled=True)


def _read_splits(members: Members) -> dict[Key, str]:
    """Return the split of each listed name by the key that image and mask share. A line may hold several names."""
    splits: dict[Key, str] = {}
    stems = {folded(file_name(name)) for name in members}
    for name, member in members.items():
        *root, sets, folder, file = ("", "", "", *PurePosixPath(name).parts)
        if (sets.lower(), folder.lower()) != ("imagesets", LIST_FOLDER) or file.lower() not in SPLITS_BY_LIST:
            continue
        split = SPLITS_BY_LIST[file.lower()]
        lines = [line.strip() for line in member.text().splitlines()]
        for listed in (one for line in lines for one in ([line] if folded(line) in stems else line.split())):
            path = PurePosixPath(listed)
            path = path.with_suffix("") if path.suffix.lower() in IMAGE_SUFFIXES else path
            key = make_key(part for part in (*root, *path.parts) if part)
            if splits.setdefault(key, split) != split:
                raise UserError(f"{member}: {listed} is in the list of the {splits[key]} split too; remove it from one")
    return splits


def _is_pascal_voc(pairs: list[Pair], members: Members) -> bool:
    """Return whether the set has lists of splits, and all twenty classes or Pascal VOC's image names and ids."""
    if not _read_splits(members):
        return False
    used = find_used_values(pairs).values - {0, IGNORED}
    if used == set(range(1, len(PASCAL_CLASSES) + 1)):
        return True
    return max(used, default=0) <= len(PASCAL_CLASSES) and all(
        re.fullmatch(PASCAL_IMAGE_NAME, pair.name) for pair in pairs
    )
