"""Pascal VOC's layout of class segmentations (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf).

Palette PNGs whose indices are the classes' ids; 255, drawn around objects, is ignored. Others' sets of that layout
have their own names, in `class_names.txt` (labelme2voc) or with colours in `labelmap.txt` (CVAT).
"""

import re
from collections.abc import Hashable, Mapping
from pathlib import PurePosixPath

from darkroom.annotations.class_lists import mask_classes, read_list, used_values
from darkroom.annotations.mask_files import Key, is_in, key_of, mask, match, stated_size
from darkroom.annotations.pair import BACKGROUND, IGNORED, IMAGE_SUFFIXES, Pair, Refuse, file_name
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError

__all__ = ["EXIF", "classes", "mask", "pairs", "recognizes", "stated_size"]

EXIF = None
IMAGES, LISTS = "jpegimages", "segmentation"
MASKS = ("segmentationclasspng", "segmentationclass")  # the first that is there: the other one is then of NumPy arrays
LIST_SPLITS = {"train.txt": "train", "val.txt": "validation", "test.txt": "test"}
NAMES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
PASCALS_IMAGE = r"20(0[7-9]|1[0-2])_\d{6}"  # as Pascal VOC calls its images


def recognizes(members: Mapping[str, Member]) -> bool:
    return any(is_in(name, MASKS) for name in members)


def pairs(members: Mapping[str, Member], parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
    """The masks in `SegmentationClass` with their images in `JPEGImages`, in the splits of `ImageSets/Segmentation`.

    Refused: a mask without its image, and a name in the lists of two splits.
    """
    folder = next((name for name in MASKS if any(is_in(member, (name,)) for member in members)), MASKS[-1])
    splits = _splits(members)
    return [
        Pair(file_name(one.image.name), one.image, one.mask, splits.get(one.key, "train") if splits else None)
        for one in match(members, (IMAGES,), (folder,), refuse, unlabelled=True)
    ]


def _splits(members: Mapping[str, Member]) -> dict[Key, str]:
    """The split of each listed name, by the path that its image and its mask share."""
    splits: dict[Key, str] = {}
    for name, member in members.items():
        *root, sets, folder, file = ("", "", "", *PurePosixPath(name).parts)
        if (sets.lower(), folder.lower()) != ("imagesets", LISTS) or file.lower() not in LIST_SPLITS:
            continue
        split = LIST_SPLITS[file.lower()]
        for listed in member.text().split():
            path = PurePosixPath(listed)
            path = path.with_suffix("") if path.suffix.lower() in IMAGE_SUFFIXES else path
            key = key_of([part for part in (*root, *path.parts) if part])
            if splits.setdefault(key, split) != split:
                raise UserError(f"{member}: {listed} is in the list of the {splits[key]} split too; remove it from one")
    return splits


def classes(found: list[Pair], members: Mapping[str, Member], parameters: AnnotationParameters) -> dict[Hashable, str]:
    """As `mask_classes`; without names, the twenty of Pascal VOC where the set is Pascal's, which is said."""
    if parameters.classes is None and parameters.threshold is None and read_list(members) is None:
        if _is_pascals(found, members):
            print("the classes are named as Pascal VOC's, whose layout and values these are", flush=True)
            return dict(enumerate([BACKGROUND, *NAMES]))
        print(
            "no list names the classes: they are called by their values; a class_names.txt would name them", flush=True
        )
    return mask_classes(found, members, parameters)


def _is_pascals(found: list[Pair], members: Mapping[str, Member]) -> bool:
    """Whether it has Pascal's lists, Pascal's values, and all twenty classes or Pascal's names of images."""
    if not _splits(members):
        return False
    used = used_values(found).values - {0, IGNORED}
    if used == set(range(1, len(NAMES) + 1)):
        return True
    return max(used, default=0) <= len(NAMES) and all(re.fullmatch(PASCALS_IMAGE, pair.name) for pair in found)
