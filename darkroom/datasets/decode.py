"""Decoding many image files on all cores, straight into one packed array."""

import io
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from darkroom.archives import Member
from darkroom.common.errors import UserError
from darkroom.common.parallel import on_all_cores

SAYS_ORIENTATION = {"exif", "xmp"}  # what a JPEG file may say it in
UNDECODABLE = (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError)
CHUNK = 256  # files handed to a worker at a time


def decode_image(member: Member) -> Image.Image:
    """The image in `member`, upright (EXIF orientation applied), in RGB whatever its own mode.

    Raises:
        UserError: it does not decode.
    """
    return decode_bytes(member.read(), str(member))


def decode_bytes(content: bytes, name: str) -> Image.Image:
    """As `decode_image`, of an image file's content; `name` is for the message."""
    try:
        image = Image.open(io.BytesIO(content))
        if image.format != "JPEG" or SAYS_ORIENTATION & image.info.keys():  # to turn nothing takes a copy, and time
            image = ImageOps.exif_transpose(image)
        image.load()
        return image if image.mode == "RGB" else image.convert("RGB")
    except UNDECODABLE as error:
        raise UserError(f"{name}: does not decode as an image ({error}); replace it") from None


def decode_into(path: Path, members: list[Member], description: str, fit: bool = False) -> None:
    """Decode `members` into the array file at `path`, uint8 (len(members), h, w, 3), in their order.

    Args:
        fit: scale and crop each image to (h, w), keeping its middle; otherwise its size must be that.

    Raises:
        UserError: a file does not decode or has another size.
    """
    for _ in on_all_cores(partial(_decode, path, fit), list(enumerate(members)), description, CHUNK):
        pass


def _decode(path: Path, fit: bool, numbered: list[tuple[int, Member]]) -> list[None]:
    """Decode files whose numbers follow one another; written as to any file, since mapped pages come slowly."""
    array = np.load(path, mmap_mode="r")
    _, height, width, channels = array.shape
    with path.open("r+b") as file:
        file.seek(array.offset + numbered[0][0] * height * width * channels)
        for _, member in numbered:
            image = decode_image(member)
            if fit:
                image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
            elif image.size != (width, height):
                raise UserError(
                    f"{member}: is {image.width}×{image.height} pixels, not {width}×{height} like the first"
                )
            file.write(image.tobytes())
    return [None] * len(numbered)
