"""Annotations that are image files: the pixel value or the colour is the class."""

import io
import re
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from darkroom.annotations.formats._base import MOST_OBJECTS, AnnotationFormat, Drawing, Mask, Members, ObjectIds, Refuse
from darkroom.annotations.image_index import nearest_files
from darkroom.annotations.pair import IMAGE_SUFFIXES, Pair, Size, WrongSize, folded
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.decode import MOST_PIXELS, UNDECODABLE, why_undecodable
from darkroom.datasets.pairs import IGNORED
from darkroom.datasets.split_folders import split_in

MASK_SUFFIXES = (*IMAGE_SUFFIXES, ".gif")
# What stands after an image's name in the names of its masks, in lower case.
MASK_ENDING = re.compile(r"(.+)[_-](?:masks?|labels?|seg|segmentation|gt|labelids)", re.IGNORECASE)
SINGLE_CHANNEL = ("1", "L", "P", "I;16", "I;16L", "I;16B", "I")  # Pillow's names of modes
IGNORED_OF_16_BITS = 65535

# TIFF's tags of pages that are a smaller copy of another one, or its transparency; TIFF 6.0, section 8.
NEW_SUBFILE_TYPE, COPY_OR_TRANSPARENCY = 254, 1 | 4
SUBFILE_TYPE, SMALLER_COPY = 255, 2
DESCRIPTION, IMAGEJ_STACK = 270, re.compile(r"ImageJ=.*?\nimages=(\d{1,9})\b", re.DOTALL)

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
        return open_image(pair.annotation, decode=False, page=pair.page).size

    def draw(
        self, pair: Pair, ids: Mapping[Hashable, int], size: Size, refuse: Refuse, with_objects: bool = False
    ) -> Drawing:
        """Return the mask file with pixel values or colours replaced by class ids.

        A mask file is right or wrong as a whole, so `refuse` is not called.

        Raises:
            UserError: the mask has another size than the image, or a value or a colour that is no class.
        """
        if any(isinstance(key, tuple) for key in ids):
            mask = _ids_by_colour(pair, ids, size)
        else:
            values = read_values(pair.annotation, pair.page)
            mask = ids_by_value(pair, values, {IGNORED: IGNORED, IGNORED_OF_16_BITS: IGNORED, **ids}, size)
        return Drawing(mask, self.draw_objects(pair, mask) if with_objects else None)

    def object_numbers(self, pair: Pair) -> NDArray[np.int64]:
        """Return a number for each pixel, the same for all pixels of an object and 0 where there is none.

        Formats that `HAS_OBJECTS` define it.

        Raises:
            UserError: there is no file of objects, or it cannot be used.
        """
        raise NotImplementedError(f"{self.name}: {pair} has no objects")

    def draw_objects(self, pair: Pair, mask: Mask) -> ObjectIds:
        """Return the objects of a pair, numbered 1, 2, … Ignored pixels belong to none."""
        numbers = self.object_numbers(pair)
        check_size(pair, numbers, (mask.shape[1], mask.shape[0]))
        return number_objects(pair, numbers, mask)


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

    A mask without an image of the same name belongs to the image whose name it has before an ending such as `_mask`, or
    to the image beside the masks' folder. Images without a mask, masks without an image, and two files of one name are
    refused.

    Args:
        members: the files of the source.
        image_folders: lower-case names of the folder in an image's path.
        mask_folders: lower-case names of the folder in a mask's path, in place of the image's folder.
        refuse: called with the reason why a file cannot be used.
        allow_unlabelled: do not refuse images without a mask.
    """
    images: dict[Key, Member] = {}
    masks: dict[Key, Member] = {}
    loose: dict[Key, list[Member]] = defaultdict(list)  # images in no folder of images
    for name, member in members.items():
        place = _place(PurePosixPath(name), image_folders, mask_folders)
        if place is None:
            if name.lower().endswith(IMAGE_SUFFIXES):
                loose[make_key(PurePosixPath(name).with_suffix("").parts)].append(member)
            continue
        is_mask, key = place
        first = (masks if is_mask else images).setdefault(key, member)
        if first is not member:
            refuse(f"{member}: has the name of {first.name} but for case or suffix; keep one of them")
    for key in sorted(masks.keys() - images.keys()):
        stem = mask_stem(key[-1])
        keys = [key, (*key[:-1], stem)] if stem else [key]
        found = next((one for place in (images, loose) for one in keys if one in place), None)
        if found is None:
            continue
        mask = masks.pop(key)
        if found in masks:
            refuse(f"{mask}: its image has the mask {masks[found].name} too; keep one of them")
        elif found not in images and len(loose[found]) > 1:
            refuse(f"{mask}: its image may be {loose[found][0].name} or {loose[found][1].name}; keep one of them")
        else:
            if found not in images:
                images[found] = loose[found][0]
            masks[found] = mask
    if not allow_unlabelled:
        for key in sorted(images.keys() - masks.keys()):
            refuse(f"{images[key]}: has no mask of the same name; add one or remove the image")
    for key in sorted(masks.keys() - images.keys()):
        refuse(f"{masks[key]}: its image is not in the archive; add it or remove the mask")
    return [Match(key, image, masks[key]) for key, image in images.items() if key in masks]


def mask_stem(stem: str) -> str | None:
    """Return the name before the ending that marks a mask, such as `_mask`; None without such an ending."""
    match = MASK_ENDING.fullmatch(stem)
    return match[1] if match else None


def has_endings(members: Members) -> bool:
    """Return whether there is a mask with the name of an image and an ending such as `_mask`."""
    stems = {folded(PurePosixPath(name).stem) for name in members if name.lower().endswith(MASK_SUFFIXES)}
    return any(mask_stem(stem) in stems for stem in stems)


def match_endings(members: Members, refuse: Refuse) -> list[Match]:
    """Return images with their masks, which have the image's name and an ending such as `_mask`, in any folders.

    Of several images of the name, the one that shares the most folders with the mask counts. Images without a mask,
    masks whose image is not certain, and second masks of an image are refused.

    Args:
        members: the files of the source.
        refuse: called with the reason why a file cannot be used.
    """
    by_stem: dict[str, list[Member]] = defaultdict(list)
    for name, member in members.items():
        if name.lower().endswith(MASK_SUFFIXES):
            by_stem[folded(PurePosixPath(name).stem)].append(member)
    image_of = {stem: mask_stem(stem) for stem in by_stem}
    image_of = {stem: image if image in by_stem else None for stem, image in image_of.items()}
    masks: dict[Member, Member] = {}  # by image
    for stem, image_stem in image_of.items():
        for mask in by_stem[stem] if image_stem is not None else []:
            images = [one for one in by_stem[str(image_stem)] if one.name.lower().endswith(IMAGE_SUFFIXES)]
            split = split_in(mask.name)
            images = [one for one in images if split is None or split_in(one.name) in (None, split)]
            images = nearest_files(images, mask.name)
            if not images:
                refuse(f"{mask}: its image is not in the archive; add it or remove the mask")
            elif len(images) > 1:
                refuse(
                    f"{mask}: its image may be {images[0].name} or {images[1].name}; put image and mask into one folder"
                )
            elif images[0] in masks:
                refuse(f"{mask}: its image {images[0].name} has the mask {masks[images[0]].name} too; keep one of them")
            else:
                masks[images[0]] = mask
    for stem, image_stem in image_of.items():
        for image in by_stem[stem] if image_stem is None else []:
            if image not in masks:
                refuse(f"{image}: has no mask of its name with an ending such as _mask; add one or remove the image")
    return [Match(make_key(PurePosixPath(one.name).parts), one, mask) for one, mask in masks.items()]


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


def ids_by_value(pair: Pair, values: NDArray[np.integer], ids: Mapping[Hashable, int], size: Size) -> Mask:
    """Return class ids in place of pixel values.

    Args:
        pair: the pair that the values are of, for messages.
        values: from 0 on.
        ids: class ids by value.
        size: of the image.

    Raises:
        WrongSize: the values are of another size than the image.
        UserError: a value has no class.
    """
    check_size(pair, values, size)
    counts = np.bincount(values.ravel())
    used = np.flatnonzero(counts).tolist()
    unknown = [value for value in used if value not in ids]
    if unknown:
        y, x = (int(axis[0]) for axis in np.nonzero(values == unknown[0]))
        remedy = SOFT if is_soft(counts) else "name it in annotations.classes"
        raise UserError(f"{pair}: value {unknown[0]} at ({x}, {y}) is of an unknown class; {remedy}")
    table = np.zeros(len(counts), np.uint8)
    table[used] = [ids[value] for value in used]
    return np.asarray(table[values])


def number_objects(owner: object, numbers: NDArray[np.integer], mask: Mask) -> ObjectIds:
    """Return objects numbered 1, 2, … in the order of their numbers; ignored pixels belong to none.

    Args:
        owner: what the objects are of, for messages.
        numbers: of the objects, 0 where there is none.
        mask: class ids.

    Raises:
        UserError: there are more objects than object ids.
    """
    used, places = np.unique(np.where(mask == IGNORED, 0, numbers), return_inverse=True)
    table = np.cumsum(used != 0)
    table[used == 0] = 0
    if table.max(initial=0) > MOST_OBJECTS:
        raise UserError(f"{owner}: has more than {MOST_OBJECTS} objects; write its masks without object ids")
    return table.astype(np.uint16)[places].reshape(mask.shape)


def _ids_by_colour(pair: Pair, ids: Mapping[Hashable, int], size: Size) -> Mask:
    pixels = np.asarray(open_image(pair.annotation, page=pair.page).convert("RGB")).astype(np.int64)
    check_size(pair, pixels, size)
    numbers = pixels @ [1 << 16, 1 << 8, 1]
    used, places = np.unique(numbers, return_inverse=True)
    colours = [(number >> 16, number >> 8 & 255, number & 255) for number in used.tolist()]
    for number, colour in zip(used.tolist(), colours, strict=True):
        if colour not in ids:
            y, x = (int(axis[0]) for axis in np.nonzero(numbers == number))
            raise UserError(
                f"{pair}: colour {list(colour)} at ({x}, {y}) is of no class; name it in annotations.colours"
            )
    return np.array([ids[colour] for colour in colours], np.uint8)[places].reshape(numbers.shape)


def check_size(pair: Pair, pixels: np.ndarray, size: Size) -> None:
    """Check that pixels (height, width, …) of an annotation have the size of the image.

    Raises:
        WrongSize: they have not.
    """
    height, width = pixels.shape[:2]
    if (width, height) != size:
        raise WrongSize(f"{pair}: has {width}×{height} pixels, but its image has {size[0]}×{size[1]}")


def is_soft(counts: NDArray[np.int64]) -> bool:
    """Return whether a mask looks like one of two classes with soft edges: most pixels dark or light, some between.

    Args:
        counts: pixels by value, from value 0 to the largest one.
    """
    if len(counts) > 256 or not counts[LIGHT:255].any():  # 255 is left out: it marks ignored pixels
        return False
    return bool(counts[:DARK].sum() + counts[LIGHT:].sum() >= SHARE_OF_BOTH * counts.sum())


def read_values(member: Member, page: int | None = None) -> NDArray[np.uint16]:
    """Return the pixel values of a mask, (height, width); of a palette image the indices.

    Several channels are taken as one where they are equal.

    Args:
        member: the mask file.
        page: the page of a file of several pages.

    Raises:
        UserError: the mask has colours, transparency that varies, or values outside of 0 to 65535.
    """
    image = open_image(member, page=page)
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


def open_image(member: Member, decode: bool = True, page: int | None = None) -> Image.Image:
    """Return an image in its own mode. Without `decode` only its size and mode can be used.

    Args:
        member: the image file.
        decode: read the pixels.
        page: the page of a file of several pages; None: the file has one page.

    Raises:
        UserError: the image does not decode, or it has several pages and `page` is None.
    """
    try:
        image = Image.open(io.BytesIO(member.read()))
        if page is not None:
            image.seek(page)
        elif len(pages_of(image)) > 1:
            raise UserError(f"{member}: has {len(pages_of(image))} pages; save each page as a file of its own")
        if image.width * image.height > MOST_PIXELS:
            raise Image.DecompressionBombError(f"{image.width}×{image.height} pixels are too many")
        if decode:
            image.load()
        return image
    except UNDECODABLE as error:
        raise UserError(f"{member}: does not decode as an image ({why_undecodable(error)}); replace it") from None


def list_pages(member: Member) -> list[int]:
    """Return the numbers of the pages of an image file; [0] of a file of another kind than TIFF.

    Smaller copies of another page, as some programs add them, are left out.

    Raises:
        UserError: the image does not decode.
    """
    if not member.name.lower().endswith((".tif", ".tiff")):
        return [0]
    try:
        image = Image.open(io.BytesIO(member.read()))
        described = IMAGEJ_STACK.match(str(getattr(image, "tag_v2", {}).get(DESCRIPTION, "")))
        if described is not None and int(described[1]) > 1 == getattr(image, "n_frames", 1):
            raise UserError(f"{member}: is an ImageJ stack of {described[1]} images in one page; save it as a sequence")
        return pages_of(image)
    except UNDECODABLE as error:
        raise UserError(f"{member}: does not decode as an image ({why_undecodable(error)}); replace it") from None


def pages_of(image: Image.Image) -> list[int]:
    """Return the numbers of an image's pages. The image is at its first page before and after."""
    if not isinstance(image, TiffImageFile) or image.n_frames == 1:
        return [0]
    pages = []
    for page in range(image.n_frames):
        image.seek(page)
        is_copy = int(image.tag_v2.get(NEW_SUBFILE_TYPE, 0)) & COPY_OR_TRANSPARENCY
        if not is_copy and image.tag_v2.get(SUBFILE_TYPE) != SMALLER_COPY:
            pages.append(page)
    image.seek(0)
    return pages
