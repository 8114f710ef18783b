"""Folders of masks whose pixel values are class ids: `images/` and `masks/` (or `labels/`, `annotations/`).

An image and its mask have the same name, or the mask's ends in `_mask`, `_label`, `_seg`, `_gt`, `_segmentation` or
`_labelIds`. Without such folders, masks with such an ending are beside the images or in any folder, as Roboflow,
Carvana and ISIC have them. 0 is the background; 255, or 65535 of 16 bits, is ignored. Where all masks have the values 0
and 255 alone, 255 is the foreground. The names of the classes are the lines of `classes.txt`, the first one of id 0, or
those of Roboflow's `_classes.csv`. Page n of a TIFF file of several pages belongs to page n of its mask.
"""

import re
from collections.abc import Hashable
from typing import ClassVar

from darkroom.annotations.class_lists import name_mask_classes
from darkroom.annotations.formats._base import Members, Refuse
from darkroom.annotations.mask_files import (
    MaskFileFormat,
    has_endings,
    is_in_folder,
    list_pages,
    match_endings,
    match_masks,
)
from darkroom.annotations.pair import Pair, file_name
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.common.errors import UserError
from darkroom.datasets.split_folders import split_in

IMAGE_FOLDERS = ("image", "images")
MASK_FOLDERS = ("mask", "masks", "label", "labels", "annotation", "annotations")
MANUAL = re.compile(r"(^|/)(1st|2nd)_manual/", re.IGNORECASE)  # folders of the labels in retinal data sets


class Png(MaskFileFormat):
    """Folders of masks of class ids."""

    OPTIONS: ClassVar[frozenset[str]] = frozenset({"threshold"})

    def recognizes(self, members: Members, parameters: AnnotationParameters) -> bool:
        """Return whether there are image files in a folder of masks, or masks with an ending."""
        return _has_mask_folder(members) or has_endings(members)

    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return a pair for each image, or for each page of an image, with its mask.

        Images without a mask, masks without an image, and different numbers of pages are refused.

        Raises:
            UserError: the masks are not the labels.
        """
        manual = next((name for name in members if MANUAL.search(name)), None)
        if manual is not None:
            raise UserError(
                f"{members[manual]}: lies in a folder of manual labels, as in DRIVE, beside which masks are no labels; "
                "rename that folder to labels and the labels like the images, and remove the folder mask"
            )
        if _has_mask_folder(members):
            matches = match_masks(members, IMAGE_FOLDERS, MASK_FOLDERS, refuse, allow_unlabelled=False)
        else:
            matches = match_endings(members, refuse)
        pairs = []
        for one in matches:
            try:
                pages, mask_pages = list_pages(one.image), list_pages(one.mask)
            except UserError as error:
                refuse(str(error))
                continue
            name, split = file_name(one.image.name), split_in(one.mask.name) or split_in(one.image.name)
            if pages != mask_pages:
                refuse(
                    f"{one.mask}: has {len(mask_pages)} pages, but its image {one.image.name} has {len(pages)}; save a "
                    "page of the mask for each page of the image"
                )
            elif len(pages) == 1:
                pairs.append(Pair(name, one.image, one.mask, split))
            else:
                pairs += [Pair(f"{name}_{page:03d}", one.image, one.mask, split, page=page) for page in pages]
        return pairs

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the names in the parameters, else in a list of classes, else `class 1`, `class 2` and so on."""
        return name_mask_classes(pairs, members, parameters)


def _has_mask_folder(members: Members) -> bool:
    return any(is_in_folder(name, MASK_FOLDERS) for name in members)
