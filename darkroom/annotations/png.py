"""Folders of single-channel PNG masks whose pixel values are class ids, as CamVid is often shared."""

import io
from pathlib import PurePosixPath

import numpy as np
from PIL import Image, UnidentifiedImageError

from darkroom.annotations.pair import BACKGROUND, IGNORED, IMAGE_SUFFIXES, Classes, Pair
from darkroom.archives import Member
from darkroom.common.errors import UserError
from darkroom.datasets.description import split_in

IMAGE_FOLDERS = ("image", "images")
MASK_FOLDERS = ("mask", "masks", "label", "labels", "annotation", "annotations")


def pairs(members: dict[str, Member]) -> list[Pair]:
    """Images in a folder `images`, paired with PNG files of the same name in a folder `masks` beside it.

    Raises:
        UserError: an image without a mask, or a mask without an image.
    """
    images: dict[tuple[PurePosixPath, str], Member] = {}
    masks: dict[tuple[PurePosixPath, str], Member] = {}
    for name, member in members.items():
        path = PurePosixPath(name)
        key = (path.parent.parent, path.stem)
        if path.parent.name.lower() in MASK_FOLDERS and path.suffix.lower() == ".png":
            masks[key] = member
        elif path.parent.name.lower() in IMAGE_FOLDERS and path.suffix.lower() in IMAGE_SUFFIXES:
            images[key] = member
    for key in images.keys() - masks.keys():
        raise UserError(f"{images[key]}: has no mask of the same name; add one or remove the image")
    for key in masks.keys() - images.keys():
        raise UserError(f"{masks[key]}: its image is not in the archive; add it or remove the mask")
    return [Pair(key[1], images[key], masks[key], split_in(masks[key].name)) for key in images]


def class_names(found: list[Pair], members: dict[str, Member]) -> list[str]:
    """The lines of the archive's `classes.txt`, ids 0, 1, …; without one, `class 1`, … up to the largest id."""
    for name, member in members.items():
        if PurePosixPath(name).name == "classes.txt":
            lines = member.read().decode(errors="replace").splitlines()
            return [line.strip() for line in lines if line.strip()]
    ids = np.unique(np.concatenate([np.unique(values(pair.annotation)) for pair in found]))
    return [BACKGROUND, *(f"class {number}" for number in range(1, int(ids[ids != IGNORED].max(initial=0)) + 1))]


def mask(pair: Pair, classes: Classes, size: tuple[int, int]) -> np.ndarray:
    """The mask with its pixel values turned into class ids; uint8 (height, width). 255 stays ignored.

    Raises:
        UserError: the mask has another size than the image, or a value that stands for no class.
    """
    return look_up(
        pair.annotation, {**{v: classes.ids[n] for v, n in enumerate(classes.names)}, IGNORED: IGNORED}, size
    )


def look_up(member: Member, ids: dict[int, int], size: tuple[int, int]) -> np.ndarray:
    """The PNG in `member` with each value replaced by `ids[value]`; uint8 (height, width)."""
    found = values(member)
    height, width = found.shape
    if (width, height) != size:
        raise UserError(f"{member}: has {width}×{height} pixels, but its image has {size[0]}×{size[1]}")
    counts = np.bincount(found.ravel(), minlength=256)
    unknown = sorted(set(np.flatnonzero(counts).tolist()) - ids.keys())
    if unknown:
        y, x = (int(c[0]) for c in np.nonzero(found == unknown[0]))
        raise UserError(
            f"{member}: value {unknown[0]} at ({x}, {y}) is of an unknown class; name it in annotations.classes"
        )
    table = np.zeros(256, np.uint8)
    table[list(ids)] = list(ids.values())
    return table[found]


def values(member: Member) -> np.ndarray:
    """The pixel values of a single-channel or palette PNG of 8 bits; uint8 (height, width)."""
    try:
        image = Image.open(io.BytesIO(member.read()))
        if image.mode not in ("1", "L", "P"):
            raise UserError(f"{member}: is {image.mode}, not single-channel with 8 bits; convert it")
        return np.asarray(image).astype(np.uint8)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{member}: does not decode as an image ({error}); replace it") from None
