"""Annotations that are image files: class ids by pixel value or by colour, in a folder beside that of the images."""

import io
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from PIL import Image

from darkroom.annotations.pair import IGNORED, IMAGE_SUFFIXES, Pair, Refuse, WrongSize, folded
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.decode import UNDECODABLE, why_undecodable

MASK_SUFFIXES = (*IMAGE_SUFFIXES, ".gif")
SINGLE_CHANNEL = ("1", "L", "P", "I;16", "I;16L", "I;16B", "I")  # Pillow's names
IGNORED_OF_16_BITS = 65535
DARK, LIGHT, SHARE_OF_BOTH = 32, 224, 0.8  # of the pixels of a soft mask

Key = tuple[str, ...]  # a file's path without its suffix and without the folder that says whether it is a mask
Colour = tuple[int, int, int]  # red, green, blue


@dataclass(frozen=True)
class Matched:
    """An image, its mask, and the folded path that both share."""

    key: Key
    image: Member
    mask: Member


def match(
    members: Mapping[str, Member], image_folders: tuple[str, ...], mask_folders: tuple[str, ...], refuse: Refuse,
    unlabelled: bool,
) -> list[Matched]:  # fmt: skip
    """Images and masks whose paths differ in suffix, case and one folder alone, in the members' order.

    Args:
        image_folders, mask_folders: the names of that folder, in lower case; it may stand anywhere on the path.
        unlabelled: whether images may have no mask.

    Refused: an image without a mask, a mask without an image, and two of one name.
    """
    images: dict[Key, Member] = {}
    masks: dict[Key, Member] = {}
    for name, member in members.items():
        place = _place(PurePosixPath(name), image_folders, mask_folders)
        if place is None:
            continue
        is_mask, key = place
        kept = (masks if is_mask else images).setdefault(key, member)
        if kept is not member:
            refuse(f"{member}: has the name of {kept.name} but for case or suffix; keep one of them")
    if not unlabelled:
        for key in sorted(images.keys() - masks.keys()):
            refuse(f"{images[key]}: has no mask of the same name; add one or remove the image")
    for key in sorted(masks.keys() - images.keys()):
        refuse(f"{masks[key]}: its image is not in the archive; add it or remove the mask")
    return [Matched(key, image, masks[key]) for key, image in images.items() if key in masks]


def is_in(name: str, folders: tuple[str, ...]) -> bool:
    """Whether `name` is an image file with one of `folders`, in lower case, on its path."""
    path = PurePosixPath(name)
    return path.suffix.lower() in MASK_SUFFIXES and any(part.lower() in folders for part in path.parts[:-1])


def _place(
    path: PurePosixPath, image_folders: tuple[str, ...], mask_folders: tuple[str, ...]
) -> tuple[bool, Key] | None:
    """Whether a file is a mask, as the last folder on its path tells that tells anything, and its key."""
    *folders, _ = path.parts
    for at in range(len(folders) - 1, -1, -1):
        name = folders[at].lower()
        is_mask = name in mask_folders
        if is_mask or name in image_folders:
            known = path.suffix.lower() in (MASK_SUFFIXES if is_mask else IMAGE_SUFFIXES)
            return (is_mask, key_of([*folders[:at], *folders[at + 1 :], path.stem])) if known else None
    return None


def key_of(parts: list[str]) -> Key:
    return tuple(folded(part) for part in parts)


def stated_size(pair: Pair) -> tuple[int, int]:
    """Width and height of the mask."""
    return open_image(pair.annotation, decode=False).size


def mask(pair: Pair, ids: dict[Hashable, int], size: tuple[int, int], refuse: Refuse) -> tuple[np.ndarray, int]:
    """The mask with its pixel values, or its colours, turned into class ids; uint8 (height, width), and 0.

    Args:
        ids: class ids by pixel value, or by colour.
        size: (width, height) of the image.
        refuse: not used; a mask is right or wrong as a whole.

    Raises:
        UserError: the mask has another size than the image, or a value or a colour that stands for no class.
    """
    if any(isinstance(key, tuple) for key in ids):
        return _by_colour(pair.annotation, ids, size), 0
    return _by_value(pair.annotation, {IGNORED: IGNORED, IGNORED_OF_16_BITS: IGNORED, **ids}, size), 0


def _by_value(member: Member, ids: Mapping[Hashable, int], size: tuple[int, int]) -> np.ndarray:
    found = values(member)
    _check_size(member, found, size)
    counts = np.bincount(found.ravel())
    used = np.flatnonzero(counts).tolist()
    unknown = [value for value in used if value not in ids]
    if unknown:
        y, x = (int(c[0]) for c in np.nonzero(found == unknown[0]))
        remedy = SOFT if is_soft(counts) else "name it in annotations.classes"
        raise UserError(f"{member}: value {unknown[0]} at ({x}, {y}) is of an unknown class; {remedy}")
    table = np.zeros(len(counts), np.uint8)
    table[used] = [ids[value] for value in used]
    return table[found]


def _by_colour(member: Member, ids: Mapping[Hashable, int], size: tuple[int, int]) -> np.ndarray:
    pixels = np.asarray(open_image(member).convert("RGB")).astype(np.int64)
    _check_size(member, pixels, size)
    numbers = pixels @ [1 << 16, 1 << 8, 1]
    used, places = np.unique(numbers, return_inverse=True)
    colours = [(number >> 16, number >> 8 & 255, number & 255) for number in used.tolist()]
    for number, colour in zip(used.tolist(), colours, strict=True):
        if colour not in ids:
            y, x = (int(c[0]) for c in np.nonzero(numbers == number))
            raise UserError(
                f"{member}: colour {list(colour)} at ({x}, {y}) is of no class; name it in annotations.colours"
            )
    return np.array([ids[colour] for colour in colours], np.uint8)[places].reshape(numbers.shape)


def _check_size(member: Member, found: np.ndarray, size: tuple[int, int]) -> None:
    height, width = found.shape[:2]
    if (width, height) != size:
        raise WrongSize(f"{member}: has {width}×{height} pixels, but its image has {size[0]}×{size[1]}")


SOFT = (
    "it looks like a mask of two classes that was blurred or saved as JPEG: set annotations.threshold, such as 128, "
    "from which on a pixel is foreground"
)


def is_soft(counts: np.ndarray) -> bool:
    """Whether values, counted from 0 on, are those of two classes with soft edges: most dark or light, some between."""
    if len(counts) > 256 or not counts[LIGHT:255].any():  # ids end below, and 255 is the ignored one
        return False
    return counts[:DARK].sum() + counts[LIGHT:].sum() >= SHARE_OF_BOTH * counts.sum()


def values(member: Member) -> np.ndarray:
    """The pixel values of a mask of up to 16 bits; of a palette the indices; uint16 (height, width).

    Several channels count as one where all are equal.

    Raises:
        UserError: it has colours, transparency that varies, or other values than 0 to 65535.
    """
    image = open_image(member)
    if image.mode in SINGLE_CHANNEL:
        found = np.asarray(image)
    elif image.mode in ("LA", "RGB", "RGBA"):
        pixels = np.asarray(image.convert("RGBA"))
        if (pixels[..., :1] != pixels[..., 1:3]).any():
            raise UserError(
                f"{member}: is {image.mode}, not single-channel; convert it, or name its colours in annotations.colours"
            )
        if (pixels[..., 3] != pixels[0, 0, 3]).any():
            raise UserError(f"{member}: is {image.mode} with transparency that varies; save it without")
        found = pixels[..., 0]
    else:
        raise UserError(f"{member}: is {image.mode}, not single-channel; save it as a grey PNG of class ids")
    if found.dtype != bool and (found.min() < 0 or found.max() > IGNORED_OF_16_BITS):
        raise UserError(f"{member}: has values from {found.min()} to {found.max()}; ids are from 0 to 254")
    return found.astype(np.uint16)


def open_image(member: Member, decode: bool = True) -> Image.Image:
    """The image in its own mode; without `decode` its size and mode alone can be asked.

    Raises:
        UserError: it does not decode.
    """
    try:
        image = Image.open(io.BytesIO(member.read()))
        if decode:
            image.load()
        return image
    except UNDECODABLE as error:
        raise UserError(f"{member}: does not decode as an image ({why_undecodable(error)}); replace it") from None
