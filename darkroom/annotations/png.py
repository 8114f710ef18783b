"""Folders of single-channel PNG masks whose pixel values are class ids, as CamVid is often shared.

Where all masks hold no values but 0 and 255, 255 is the foreground; else 255, and 65535 of 16 bits, is ignored.
"""

import io
from collections.abc import Hashable, Mapping
from pathlib import PurePosixPath

import numpy as np
from PIL import Image

from darkroom.annotations.pair import BACKGROUND, IGNORED, IMAGE_SUFFIXES, Pair, Refuse, WrongSize
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.decode import UNDECODABLE
from darkroom.datasets.description import split_in

UPRIGHT = False
IMAGE_FOLDERS = ("image", "images")
MASK_FOLDERS = ("mask", "masks", "label", "labels", "annotation", "annotations")
SINGLE_CHANNEL = ("1", "L", "P", "I;16", "I")  # Pillow's names
IGNORED_OF_16_BITS = 65535


def recognizes(members: Mapping[str, Member]) -> bool:
    return any(_is_mask(PurePosixPath(name)) for name in members)


def pairs(members: Mapping[str, Member], parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
    """Images in a folder `images`, paired with PNG files of the same name in a folder `masks` beside it.

    Refused: an image without a mask, or a mask without an image.
    """
    images: dict[tuple[PurePosixPath, str], Member] = {}
    masks: dict[tuple[PurePosixPath, str], Member] = {}
    for name, member in members.items():
        path = PurePosixPath(name)
        key = (path.parent.parent, path.stem)
        if _is_mask(path):
            masks[key] = member
        elif path.parent.name.lower() in IMAGE_FOLDERS and path.suffix.lower() in IMAGE_SUFFIXES:
            images[key] = member
    for key in sorted(images.keys() - masks.keys()):
        refuse(f"{images[key]}: has no mask of the same name; add one or remove the image")
    for key in sorted(masks.keys() - images.keys()):
        refuse(f"{masks[key]}: its image is not in the archive; add it or remove the mask")
    return [Pair(key[1], images[key], masks[key], split_in(masks[key].name)) for key in images if key in masks]


def classes(found: list[Pair], members: Mapping[str, Member], parameters: AnnotationParameters) -> dict[int, str]:
    """The names that the parameters give, or the lines of `classes.txt` (ids 0, 1, …), or `class 1`, …; by value."""
    if parameters.classes is None:
        for name, member in members.items():
            if PurePosixPath(name).name == "classes.txt":
                lines = member.read().decode(errors="replace").splitlines()
                return dict(enumerate(line.strip() for line in lines if line.strip()))
    used: set[int] = set()
    for pair in found:
        if parameters.classes is not None and not used <= {0, IGNORED}:
            break  # not binary, and that was all there was to learn
        try:
            used.update(np.flatnonzero(np.bincount(values(pair.annotation).ravel())).tolist())
        except UserError:
            continue  # told of when its mask is converted
    if used <= {0, IGNORED} and IGNORED in used:
        return {0: BACKGROUND, IGNORED: (parameters.classes or ["foreground"])[0]}
    largest = max(used - {IGNORED, IGNORED_OF_16_BITS}, default=0)
    return dict(enumerate([BACKGROUND, *(parameters.classes or [f"class {n}" for n in range(1, largest + 1)])]))


def mask(pair: Pair, ids: dict[Hashable, int], size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The mask with its pixel values turned into class ids; uint8 (height, width), and 0.

    Raises:
        UserError: the mask has another size than the image, or a value that stands for no class.
    """
    return look_up(pair.annotation, {IGNORED: IGNORED, IGNORED_OF_16_BITS: IGNORED, **ids}, size), 0


def look_up(member: Member, ids: dict[Hashable, int], size: tuple[int, int]) -> np.ndarray:
    """The PNG in `member` with each value replaced by `ids[value]`; uint8 (height, width)."""
    found = values(member)
    check_size(member, found, size)
    counts = np.bincount(found.ravel())
    used = np.flatnonzero(counts).tolist()
    unknown = [value for value in used if value not in ids]
    if unknown:
        y, x = (int(c[0]) for c in np.nonzero(found == unknown[0]))
        raise UserError(
            f"{member}: value {unknown[0]} at ({x}, {y}) is of an unknown class; name it in annotations.classes"
        )
    table = np.zeros(len(counts), np.uint8)
    table[used] = [ids[value] for value in used]
    return table[found]


def check_size(member: Member, found: np.ndarray, size: tuple[int, int]) -> None:
    height, width = found.shape[:2]
    if (width, height) != size:
        raise WrongSize(f"{member}: has {width}×{height} pixels, but its image has {size[0]}×{size[1]}")


def values(member: Member) -> np.ndarray:
    """The pixel values of a single-channel or palette PNG of up to 16 bits; uint16 (height, width)."""
    image = open_image(member)
    if image.mode not in SINGLE_CHANNEL:
        raise UserError(
            f"{member}: is {image.mode}, not single-channel; convert it, or name its colours in annotations.colours"
        )
    return np.asarray(image).astype(np.uint16)


def open_image(member: Member) -> Image.Image:
    """The image, decoded, in its own mode.

    Raises:
        UserError: it does not decode.
    """
    try:
        image = Image.open(io.BytesIO(member.read()))
        image.load()
        return image
    except UNDECODABLE as error:
        raise UserError(f"{member}: does not decode as an image ({error}); replace it") from None


def _is_mask(path: PurePosixPath) -> bool:
    return path.parent.name.lower() in MASK_FOLDERS and path.suffix.lower() == ".png"
