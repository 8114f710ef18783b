"""Decoding many image files on all cores, straight into packed arrays."""

import io
import re
import struct
from contextlib import AbstractContextManager
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.parallel import Workers, workers
from darkroom.datasets.packed import create_images, images_path, write_labels

JPEG = b"\xff\xd8\xff"  # how its files begin
SAYS_ORIENTATION = {"exif", "xmp"}  # what a JPEG file may say it in
MOST_PIXELS = 2 * Image.MAX_IMAGE_PIXELS  # as Pillow has it, where it is asked
# What Pillow raises of files that it cannot read, or not to their end.
UNDECODABLE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, OverflowError, EOFError, struct.error,
    Image.DecompressionBombError,
)  # fmt: skip
CHUNK = 1024  # files handed to a worker at a time, at most
CHANNELS = 3
DEEP_GREYS = ("I;16", "I;16B", "I;16L", "I", "F")  # Pillow's modes of more than 8 bits, which it would clip at 255
HAVE_NO_32_BITS = ("PNG", "PPM")  # formats whose grey of 16 bits Pillow may open in its mode of 32
# TIFF's tags, which Pillow does not heed for these modes, and the value of one; TIFF 6.0, section 8.
BITS, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0


class Array(NamedTuple):
    """A packed array on disk: its file, the bytes before its first image, and the size of its images in pixels."""

    path: Path
    start: int
    height: int
    width: int


def decode_image(member: Member) -> Image.Image:
    """The image in `member`, upright (EXIF orientation applied), in RGB whatever its own mode.

    Grey of 16 bits is divided by 257 and rounded, so that 65,535 is white.

    Raises:
        UserError: it does not decode, or nothing says which of its values is white, as in 32 bits.
    """
    return decode_bytes(member.read(), member)


def decode_bytes(content: bytes, name: object) -> Image.Image:
    """As `decode_image`, of an image file's content; `name` is for the message."""
    try:
        open_file = JpegImageFile if content.startswith(JPEG) else Image.open  # without trying all other formats first
        image = open_file(io.BytesIO(content))
        if image.width * image.height > MOST_PIXELS:
            raise Image.DecompressionBombError(f"{image.width}×{image.height} pixels are too many")
        turned = image
        if image.format != "JPEG" or SAYS_ORIENTATION & image.info.keys():  # to turn nothing takes a copy, and time
            turned = ImageOps.exif_transpose(image)
        turned.load()
        if image.mode in DEEP_GREYS:
            turned = _grey_of_8_bits(turned, image, name)
        return turned if turned.mode == "RGB" else turned.convert("RGB")
    except UNDECODABLE as error:
        raise UserError(f"{name}: does not decode as an image ({why_undecodable(error)}); replace it") from None


def _grey_of_8_bits(image: Image.Image, file: Image.Image, name: object) -> Image.Image:
    """`image`, which `file` holds turned or not, with white at 255."""
    values, is_tiff = np.asarray(image), file.format == "TIFF"
    if not (file.mode.startswith("I;16") or (file.mode == "I" and file.format in HAVE_NO_32_BITS)):
        least, most = np.fmin.reduce(values, None), np.fmax.reduce(values, None)  # of those that are numbers
        raise UserError(
            f"{name}: has values from {least:g} to {most:g}, and nothing says which is white; save it as grey of 8 or "
            "16 bits"
        )
    white = 2 ** (file.tag_v2[BITS][0] if is_tiff else 16) - 1
    grey = np.rint(values * (255 / white)).clip(0, 255).astype(np.uint8)
    is_negative = is_tiff and file.tag_v2.get(PHOTOMETRIC, WHITE_IS_ZERO) == WHITE_IS_ZERO
    return Image.fromarray(255 - grey if is_negative else grey)


def why_undecodable(error: BaseException) -> str:
    """What Pillow says of a file that does not decode, without the address of an object in this process."""
    return " ".join(re.sub(r"<[^>]*>", "", str(error)).split())


def decoding_workers(fit: bool = False) -> AbstractContextManager[Workers]:
    """Workers for `decode_splits`.

    Args:
        fit: whether they scale and crop each image, keeping its middle; otherwise it must have the right size.
    """
    return workers(partial(_decode, fit))


def decode_splits(
    decode: Workers, folder: Path, splits: dict[str, list[tuple[Member, int]]], size: tuple[int, int]
) -> None:
    """Write the images and labels of all splits, image files with class ids, as packed arrays to `folder`.

    Args:
        decode: what `decoding_workers` gives.
        size: (height, width) of the images.

    Raises:
        UserError: a file does not decode or has another size.
    """
    places: list[tuple[Array, int, Member]] = []
    for split, labelled in splits.items():
        images = create_images(folder, split, len(labelled), *size)
        start = images.offset if labelled else 0
        array = Array(images_path(folder, split), start, *size)  # one object, which pickles once a chunk
        places += [(array, row, member) for row, (member, _) in enumerate(labelled)]
        write_labels(folder, split, np.array([label for _, label in labelled], int))
    for _ in decode(places, "decoding images", CHUNK):
        pass


def _decode(fit: bool, places: list[tuple[Array, int, Member]]) -> list[None]:
    """Decode files into rows, which follow one another, of arrays; written as to any file: mapped pages come slowly."""
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
