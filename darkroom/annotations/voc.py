"""Pascal VOC's class segmentations (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf).

Palette PNGs whose indices are the classes' ids; 255, drawn around objects, is ignored.
"""

from collections.abc import Hashable, Mapping
from pathlib import PurePosixPath

import numpy as np

from darkroom.annotations.pair import BACKGROUND, IGNORED, IMAGE_SUFFIXES, Pair, Refuse
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.png import look_up
from darkroom.archives.member import Member

UPRIGHT = False
MASKS, IMAGES, LISTS = "SegmentationClass", "JPEGImages", "Segmentation"
LIST_SPLITS = {"train.txt": "train", "val.txt": "validation", "test.txt": "test"}
NAMES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip


def recognizes(members: Mapping[str, Member]) -> bool:
    return any(PurePosixPath(name).parent.name == MASKS for name in members)


def pairs(members: Mapping[str, Member], parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
    """The masks in `SegmentationClass` with their images in `JPEGImages`, in the splits of `ImageSets/Segmentation`.

    Refused: a mask without its image.
    """
    images, masks, splits = {}, {}, {}
    for name, member in members.items():
        path = PurePosixPath(name)
        if path.parent.name == IMAGES and path.suffix.lower() in IMAGE_SUFFIXES:
            images[path.stem] = member
        elif path.parent.name == MASKS and path.suffix.lower() == ".png":
            masks[path.stem] = member
        elif path.parent.name == LISTS and path.name in LIST_SPLITS:
            listed = member.read().decode(errors="replace").split()
            splits |= dict.fromkeys(listed, LIST_SPLITS[path.name])
    for name in sorted(masks.keys() - images.keys()):
        refuse(f"{masks[name]}: its image is not in {IMAGES}; add it or remove the mask")
    return [
        Pair(name, images[name], member, splits.get(name, "train") if splits else None)
        for name, member in masks.items()
        if name in images
    ]


def classes(found: list[Pair], members: Mapping[str, Member], parameters: AnnotationParameters) -> dict[int, str]:
    """The background and the names that the parameters give, else the twenty of VOC; by palette index."""
    return dict(enumerate([BACKGROUND, *(parameters.classes or NAMES)]))


def mask(pair: Pair, ids: dict[Hashable, int], size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The palette's indices as class ids, never its colours; uint8 (height, width), and 0."""
    return look_up(pair.annotation, {IGNORED: IGNORED, **ids}, size), 0
