"""Decoding many image files on all cores, straight into packed arrays."""

import io
import re
from contextlib import AbstractContextManager
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.parallel import Workers, workers
from darkroom.datasets.packed import create_images, images_path, write_labels

JPEG = b"\xff\xd8\xff"  # how its files begin
SAYS_ORIENTATION = {"exif", "xmp"}  # what a JPEG file may say it in
MOST_PIXELS = 2 * Image.MAX_IMAGE_PIXELS  # as Pillow has it, where it is asked
UNDECODABLE = (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError)
CHUNK = 1024  # files handed to a worker at a time, at most
CHANNELS = 3


class Array(NamedTuple):
    """A packed array on disk: its file, the bytes before its first image, and the size of its images in pixels."""

    path: Path
    start: int
    height: int
    width: int


def decode_image(member: Member) -> Image.Image:
    """The image in `member`, upright (EXIF orientation applied), in RGB whatever its own mode.

    Raises:
        UserError: it does not decode.
    """
    return decode_bytes(member.read(), member)


def decode_bytes(content: bytes, name: object) -> Image.Image:
    """As `decode_image`, of an image file's content; `name` is for the message."""
    try:
        open_file = JpegImageFile if content.startswith(JPEG) else Image.open  # without trying all other formats first
        image = open_file(io.BytesIO(content))
        if image.width * image.height > MOST_PIXELS:
            raise Image.DecompressionBombError(f"{image.width}×{image.height} pixels are too many")
        if image.format != "JPEG" or SAYS_ORIENTATION & image.info.keys():  # to turn nothing takes a copy, and time
            image = ImageOps.exif_transpose(image)
        image.load()
        return image if image.mode == "RGB" else image.convert("RGB")
    except UNDECODABLE as error:
        raise UserError(f"{name}: does not decode as an image ({why_undecodable(error)}); replace it") from None


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
