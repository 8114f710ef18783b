"""Decoding image files on all cores into packed arrays."""

import io
import re
import struct
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import groupby, takewhile
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.parallel import Workers, workers
from darkroom.datasets.packed import CHANNELS, allocate_images, images_path, write_files, write_labels

JPEG = b"\xff\xd8\xff"  # the first bytes of a JPEG file
HOLD_ORIENTATION = {"exif", "xmp"}  # the parts of a JPEG file that may state its orientation
MOST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # Pillow's own limit, which `JpegImageFile` does not check
# What Pillow raises for files that it cannot decode.
UNDECODABLE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, OverflowError, EOFError, struct.error,
    Image.DecompressionBombError,
)  # fmt: skip
CHUNK = 1024  # most files that a worker gets at a time
DEEP_GREYS = ("I;16", "I;16B", "I;16L", "I", "F")  # Pillow's modes with more than 8 bits, which it would clip at 255
HAVE_NO_32_BITS = ("PNG", "PPM")  # formats whose 16-bit grey Pillow may open in its 32-bit mode
# Tags of TIFF, which Pillow ignores for these modes, and a value; TIFF 6.0, section 8.
BITS, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0


class Array(NamedTuple):
    """A packed array on disk: its file, the bytes before its first image, and the size of an image in pixels."""

    path: Path
    start: int
    height: int
    width: int


Place = tuple[Array, int, Member]  # an array, a row of it, and the image file to decode into the row
Decode = Workers[Place, None]


def decode_image(member: Member) -> Image.Image:
    """Return the image in `member` as RGB, with the EXIF orientation applied.

    16-bit grey is divided by 257 and rounded: 65,535 is white.

    Raises:
        UserError: the file does not decode, or its white value is unknown, as in 32-bit files.
    """
    return decode_bytes(member.read(), member)


def decode_bytes(content: bytes, name: object, page: int = 0) -> Image.Image:
    """Return the image in a file's content, as `decode_image`.

    Args:
        content: of the file.
        name: of the file, for the message.
        page: of a file of several pages.
    """
    file = io.BytesIO(content)
    try:
        # Opening a JPEG file by its own class is faster: `Image.open` loads the classes of other formats first.
        image: Image.Image = JpegImageFile(file) if content.startswith(JPEG) else Image.open(file)
        if page:
            image.seek(page)
        if image.width * image.height > MOST_PIXELS:
            raise Image.DecompressionBombError(f"{image.width}×{image.height} pixels are too many")
        upright = image
        if image.format != "JPEG" or HOLD_ORIENTATION & image.info.keys():  # it copies the image even if upright
            upright = ImageOps.exif_transpose(image)
        upright.load()
        if image.mode in DEEP_GREYS:
            upright = _to_8_bits(upright, image, name)
        return upright if upright.mode == "RGB" else upright.convert("RGB")
    except UNDECODABLE as error:
        raise UserError(f"{name}: does not decode as an image ({why_undecodable(error)}); replace it") from None


def _to_8_bits(image: Image.Image, file: Image.Image, name: object) -> Image.Image:
    """Return the grey image `image`, which is `file` with its orientation applied, with white at 255."""
    values = np.asarray(image)
    if not (file.mode.startswith("I;16") or (file.mode == "I" and file.format in HAVE_NO_32_BITS)):
        least, most = np.fmin.reduce(values, None), np.fmax.reduce(values, None)  # these ignore NaN
        raise UserError(
            f"{name}: has values from {least:g} to {most:g}, and does not state which is white; save it as 8-bit or "
            "16-bit grey"
        )
    bits, is_negative = 16, False
    if isinstance(file, TiffImageFile):
        bits = file.tag_v2[BITS][0]
        is_negative = file.tag_v2.get(PHOTOMETRIC, WHITE_IS_ZERO) == WHITE_IS_ZERO
    grey = np.rint(values * (255 / (2**bits - 1))).clip(0, 255).astype(np.uint8)
    return Image.fromarray(255 - grey if is_negative else grey)


def why_undecodable(error: BaseException) -> str:
    """Return Pillow's message on a file that does not decode, without memory addresses."""
    return " ".join(re.sub(r"<[^>]*>", "", str(error)).split())


def image_sizes(members: list[Member]) -> list[tuple[int, int] | None]:
    """Return (height, width) of images in pixels; None: it does not decode. It is the work of a worker process."""
    sizes: list[tuple[int, int] | None] = []
    for member in members:
        try:
            image = decode_image(member)
        except UserError:
            sizes.append(None)
        else:
            sizes.append((image.height, image.width))
    return sizes


def decoding_workers(fit: bool = False) -> AbstractContextManager[Decode]:
    """Return workers for `decode_splits`.

    Args:
        fit: True: scale each image and crop its centre. False: each image must have the right size.
    """
    return workers(partial(_decode, fit))


def decode_splits(
    decode: Decode, folder: Path, splits: dict[str, list[tuple[Member, int]]], size: tuple[int, int]
) -> None:
    """Write the images and labels of all splits as packed arrays to `folder`, and the names of the files.

    Args:
        decode: workers of `decoding_workers`.
        folder: where the arrays are written.
        splits: image files and their class ids, by split.
        size: (height, width) of the images.

    Raises:
        UserError: a file does not decode or has another size.
    """
    places: list[Place] = []
    for split, labelled in splits.items():
        start = allocate_images(folder, split, len(labelled), *size)
        array = Array(images_path(folder, split), start, *size)  # shared by all rows, so a chunk pickles it once
        places += [(array, row, member) for row, (member, _) in enumerate(labelled)]
        write_labels(folder, split, np.array([label for _, label in labelled], int))
    write_files(folder, _names_without_outer_folders(splits))
    for _ in decode(places, "decoding images", CHUNK):
        pass


def _names_without_outer_folders(splits: Mapping[str, Sequence[tuple[Member, int]]]) -> dict[str, list[str]]:
    """Return the names of image files by split, without the folders that all are in."""
    names = {split: [member.name.split("/") for member, _ in labelled] for split, labelled in splits.items()}
    folders = [parts[:-1] for of_split in names.values() for parts in of_split]
    in_common = takewhile(lambda pair: pair[0] == pair[1], zip(min(folders), max(folders), strict=False))
    outer = len(list(in_common))
    return {split: ["/".join(parts[outer:]) for parts in of_split] for split, of_split in names.items()}


def _decode(fit: bool, places: list[Place]) -> list[None]:
    """Decode files into consecutive rows of arrays. Writing to the file is faster than to a memory map."""
    for array, group in groupby(places, itemgetter(0)):
        rows = list(group)
        size = array.width, array.height
        with array.path.open("r+b") as file:
            file.seek(array.start + rows[0][1] * array.height * array.width * CHANNELS)
            for _, _, member in rows:
                image = decode_image(member)
                if fit:
                    image = ImageOps.fit(image, size, Image.Resampling.BICUBIC)
                elif image.size != size:
                    raise UserError(
                        f"{member}: is {image.width}×{image.height} pixels, not {size[0]}×{size[1]} like the first"
                    )
                file.write(image.tobytes())
    return [None] * len(places)
