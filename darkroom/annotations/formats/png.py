"""Folders of masks whose pixel values are class ids: `images/` and `masks/` (or `labels/`, `annotations/`).

An image and its mask have the same name. 0 is the background; 255, or 65535 of 16 bits, is ignored. Where all masks
have the values 0 and 255 alone, 255 is the foreground. The names of the classes are the lines of `classes.txt`, the
first one of id 0.
"""

from collections.abc import Hashable
from typing import ClassVar

from darkroom.annotations.class_lists import name_mask_classes
from darkroom.annotations.formats._base import Members, Refuse
from darkroom.annotations.mask_files import MaskFileFormat, is_in_folder, match_masks
from darkroom.annotations.pair import Pair, file_name
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.datasets.split_folders import split_in

IMAGE_FOLDERS = ("image", "images")
MASK_FOLDERS = ("mask", "masks", "label", "labels", "annotation", "annotations")


class Png(MaskFileFormat):
    """Folders of masks of class ids."""

    OPTIONS: ClassVar[frozenset[str]] = frozenset({"threshold"})

    def recognizes(self, members: Members, parameters: AnnotationParameters) -> bool:
        """Return whether there are image files in a folder of masks."""
        return any(is_in_folder(name, MASK_FOLDERS) for name in members)

    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return a pair for each image in a folder `images`, with the mask of the same name in a folder `masks`.

        Images without a mask and masks without an image are refused.
        """
        matches = match_masks(members, IMAGE_FOLDERS, MASK_FOLDERS, refuse, allow_unlabelled=False)
        return [Pair(file_name(one.image.name), one.image, one.mask, split_in(one.mask.name)) for one in matches]

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the names in the parameters, else in a list of classes, else `class 1`, `class 2` and so on."""
        return name_mask_classes(pairs, members, parameters)
