"""Annotations that are image files: the pixel value or the colour is the class."""

import io
from abc import abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.annotations.formats._base import AnnotationFormat, Drawing, Mask, Members, Refuse
from darkroom.annotations.pair import IMAGE_SUFFIXES, Pair, Size, WrongSize, folded
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.decode import UNDECODABLE, why_undecodable
from darkroom.datasets.pairs import IGNORED

MASK_SUFFIXES = (*IMAGE_SUFFIXES, ".gif")
SINGLE_CHANNEL = ("1", "L", "P", "I;16", "I;16L", "I;16B", "I")  # Pillow's names of modes
IGNORED_OF_16_BITS = 65535

# A mask of two classes is soft, that is blurred, where this share of its pixels is dark or light and some are between.
DARK, LIGHT, SHARE_OF_BOTH = 32, 224, 0.8
SOFT = (
    "it looks like a mask of two classes that was blurred or saved as JPEG: set annotations.threshold, such as 128, "
    "the least value of foreground pixels"
)

Key = tuple[str, ...]  # a file's path without its suffix and without the folder that says whether it is a mask
Colour = tuple[int, int, int]  # red, green, blue


class MaskFileFormat(AnnotationFormat):
    """Base of the formats whose annotations are image files."""

    @abstractmethod
    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the class names by pixel value, or all by colour (red, green, blue)."""

    def annotated_size(self, pair: Pair) -> Size:
        """Return the size of the mask file."""
        return open_image(pair.annotation, decode=False).size

    def draw(
        self, pair: Pair, ids: Mapping[Hashable, int], size: Size, refuse: Refuse, with_objects: bool = False
    ) -> Drawing:
        """Return the mask file with pixel values or colours replaced by class ids.

        A mask file is right or wrong as a whole, so `refuse` is not called.

        Raises:
            UserError: the mask has another size than the image, or a value or a colour that is no class.
        """
        if any(isinstance(key, tuple) for key in ids):
            return Drawing(_ids_by_colour(pair.annotation, ids, size))
        return Drawing(_ids_by_value(pair.annotation, {IGNORED: IGNORED, IGNORED_OF_16_BITS: IGNORED, **ids}, size))


@dataclass(frozen=True)
class Match:
    """An image, its mask, and the key that both share."""

    key: Key
    image: Member
    mask: Member


def match_masks(
    members: Members, image_folders: tuple[str, ...], mask_folders: tuple[str, ...], refuse: Refuse,
    allow_unlabelled: bool,
) -> list[Match]:  # fmt: skip
    """Return images with their masks. Their paths are the same but for suffix, letter case and one folder.

    Images without a mask, masks without an image, and two files of one name are refused.

    Args:
        members: the files of the source.
        image_folders: lower-case names of the folder in an image's path.
        mask_folders: lower-case names of the folder in a mask's path, in place of the image's folder.
        refuse: called with the reason why a file cannot be used.
        allow_unlabelled: do not refuse images without a mask.
    """
    images: dict[Key, Member] = {}
    masks: dict[Key, Member] = {}
    for name, member in members.items():
        place = _place(PurePosixPath(name), image_folders, mask_folders)
        if place is None:
            continue
        is_mask, key = place
        first = (masks if is_mask else images).setdefault(key, member)
        if first is not member:
            refuse(f"{member}: has the name of {first.name} but for case or suffix; keep one of them")
    if not allow_unlabelled:
        for key in sorted(images.keys() - masks.keys()):
            refuse(f"{images[key]}: has no mask of the same name; add one or remove the image")
    for key in sorted(masks.keys() - images.keys()):
        refuse(f"{masks[key]}: its image is not in the archive; add it or remove the mask")
    return [Match(key, image, masks[key]) for key, image in images.items() if key in masks]


def is_in_folder(name: str, folders: tuple[str, ...]) -> bool:
    """Return whether `name` is an image file and its path has one of `folders`, which are in lower case."""
    path = PurePosixPath(name)
    return path.suffix.lower() in MASK_SUFFIXES and any(part.lower() in folders for part in path.parts[:-1])


def _place(
    path: PurePosixPath, image_folders: tuple[str, ...], mask_folders: tuple[str, ...]
) -> tuple[bool, Key] | None:
    """Return whether a file is a mask, and its key; None of a file that is neither image nor mask.

    The last folder in the path that has one of the names decides.
    """
    *folders, _ = path.parts
    for index in range(len(folders) - 1, -1, -1):
        name = folders[index].lower()
        is_mask = name in mask_folders
        if is_mask or name in image_folders:
            is_image_file = path.suffix.lower() in (MASK_SUFFIXES if is_mask else IMAGE_SUFFIXES)
            key = make_key([*folders[:index], *folders[index + 1 :], path.stem])
            return (is_mask, key) if is_image_file else None
    return None


def make_key(parts: Iterable[str]) -> Key:
    """Return the parts of a path as a key in which letter case and Unicode normal form do not matter."""
    return tuple(folded(part) for part in parts)


def _ids_by_value(member: Member, ids: Mapping[Hashable, int], size: Size) -> Mask:
    values = read_values(member)
    _check_size(member, values, size)
    counts = np.bincount(values.ravel())
    used = np.flatnonzero(counts).tolist()
    unknown = [value for value in used if value not in ids]
    if unknown:
        y, x = (int(axis[0]) for axis in np.nonzero(values == unknown[0]))
        remedy = SOFT if is_soft(counts) else "name it in annotations.classes"
        raise UserError(f"{member}: value {unknown[0]} at ({x}, {y}) is of an unknown class; {remedy}")
    table = np.zeros(len(counts), np.uint8)
    table[used] = [ids[value] for value in used]
    return np.asarray(table[values])


def _ids_by_colour(member: Member, ids: Mapping[Hashable, int], size: Size) -> Mask:
    pixels = np.asarray(open_image(member).convert("RGB")).astype(np.int64)
    _check_size(member, pixels, size)
    numbers = pixels @ [1 << 16, 1 << 8, 1]
    used, places = np.unique(numbers, return_inverse=True)
    colours = [(number >> 16, number >> 8 & 255, number & 255) for number in used.tolist()]
    for number, colour in zip(used.tolist(), colours, strict=True):
        if colour not in ids:
            y, x = (int(axis[0]) for axis in np.nonzero(numbers == number))
            raise UserError(
                f"{member}: colour {list(colour)} at ({x}, {y}) is of no class; name it in annotations.colours"
            )
    return np.array([ids[colour] for colour in colours], np.uint8)[places].reshape(numbers.shape)


def _check_size(member: Member, pixels: np.ndarray, size: Size) -> None:
    height, width = pixels.shape[:2]
    if (width, height) != size:
        raise WrongSize(f"{member}: has {width}×{height} pixels, but its image has {size[0]}×{size[1]}")


def is_soft(counts: NDArray[np.int64]) -> bool:
    """Return whether a mask looks like one of two classes with soft edges: most pixels dark or light, some between.

    Args:
        counts: pixels by value, from value 0 to the largest one.
    """
    if len(counts) > 256 or not counts[LIGHT:255].any():  # 255 is left out: it marks ignored pixels
        return False
    return bool(counts[:DARK].sum() + counts[LIGHT:].sum() >= SHARE_OF_BOTH * counts.sum())


def read_values(member: Member) -> NDArray[np.uint16]:
    """Return the pixel values of a mask, (height, width); of a palette image the indices.

    Several channels are taken as one where they are equal.

    Raises:
        UserError: the mask has colours, transparency that varies, or values outside of 0 to 65535.
    """
    image = open_image(member)
    if image.mode in SINGLE_CHANNEL:
        values = np.asarray(image)
    elif image.mode in ("LA", "RGB", "RGBA"):
        pixels = np.asarray(image.convert("RGBA"))
        if (pixels[..., :1] != pixels[..., 1:3]).any():
            raise UserError(
                f"{member}: is {image.mode}, not single-channel; convert it, or name its colours in annotations.colours"
            )
        if (pixels[..., 3] != pixels[0, 0, 3]).any():
            raise UserError(f"{member}: is {image.mode} with transparency that varies; save it without")
        values = pixels[..., 0]
    else:
        raise UserError(f"{member}: is {image.mode}, not single-channel; save it as a grey PNG of class ids")
    if values.dtype != bool and (values.min() < 0 or values.max() > IGNORED_OF_16_BITS):
        raise UserError(f"{member}: has values from {values.min()} to {values.max()}; ids are from 0 to 254")
    return values.astype(np.uint16)


def open_image(member: Member, decode: bool = True) -> Image.Image:
    """Return an image in its own mode. Without `decode` only its size and mode can be used.

    Raises:
        UserError: the image does not decode.
    """
    try:
        image = Image.open(io.BytesIO(member.read()))
        if decode:
            image.load()
        return image
    except UNDECODABLE as error:
        raise UserError(f"{member}: does not decode as an image ({why_undecodable(error)}); replace it") from None
