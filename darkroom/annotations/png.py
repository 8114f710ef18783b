"""Folders of masks whose pixel values are class ids, as CamVid is often shared.

Where all masks hold no values but 0 and 255, 255 is the foreground; else 255, and 65535 of 16 bits, is ignored.
"""

from collections.abc import Mapping

from darkroom.annotations.class_lists import mask_classes as classes
from darkroom.annotations.mask_files import is_in, mask, match, stated_size
from darkroom.annotations.pair import Pair, Refuse, file_name
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.datasets.split_folders import split_in

__all__ = ["EXIF", "classes", "mask", "pairs", "recognizes", "stated_size"]

EXIF = None  # who drew a mask may have seen the image turned or not
IMAGE_FOLDERS = ("image", "images")
MASK_FOLDERS = ("mask", "masks", "label", "labels", "annotation", "annotations")


def recognizes(members: Mapping[str, Member]) -> bool:
    return any(is_in(name, MASK_FOLDERS) for name in members)


def pairs(members: Mapping[str, Member], parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
    """Images on whose path a folder `images` stands, with the masks that lie under `masks` in its place.

    Refused: an image without a mask, or a mask without an image.
    """
    matched = match(members, IMAGE_FOLDERS, MASK_FOLDERS, refuse, unlabelled=False)
    return [Pair(file_name(one.image.name), one.image, one.mask, split_in(one.mask.name)) for one in matched]
