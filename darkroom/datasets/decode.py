"""Decoding many image files on all cores, straight into packed arrays."""

import io
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from darkroom.archives import Member
from darkroom.common.errors import UserError
from darkroom.common.parallel import on_all_cores
from darkroom.datasets.packed import create_images, images_path, write_labels

SAYS_ORIENTATION = {"exif", "xmp"}  # what a JPEG file may say it in
UNDECODABLE = (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError)
CHUNK = 1024  # files handed to a worker at a time, at most
BUFFER = 1 << 22  # bytes of images that are written at once


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


def decode_splits(
    folder: Path, splits: dict[str, list[tuple[Member, int]]], size: tuple[int, int], fit: bool = False
) -> None:
    """Write the images and labels of all splits, image files with class ids, as packed arrays to `folder`.

    Args:
        size: (height, width) of the images.
        fit: scale and crop each image to `size`, keeping its middle; otherwise it must have that size.

    Raises:
        UserError: a file does not decode or has another size.
    """
    places: list[tuple[Path, int, Member]] = []
    for split, labelled in splits.items():
        create_images(folder, split, len(labelled), *size)
        write_labels(folder, split, np.array([label for _, label in labelled], int))
        path = images_path(folder, split)  # one object, which pickles once a chunk
        places += [(path, row, member) for row, (member, _) in enumerate(labelled)]
    for _ in on_all_cores(partial(_decode, fit), places, "decoding images", CHUNK):
        pass


def _decode(fit: bool, places: list[tuple[Path, int, Member]]) -> list[None]:
    """Decode files into rows, which follow one another, of arrays; written as to any file: mapped pages come slowly."""
    for path, group in groupby(places, itemgetter(0)):
        rows = list(group)
        array = np.load(path, mmap_mode="r")
        _, height, width, channels = array.shape
        with path.open("r+b", BUFFER) as file:
            file.seek(array.offset + rows[0][1] * height * width * channels)
            for _, _, member in rows:
                image = decode_image(member)
                if fit:
                    image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
                elif image.size != (width, height):
                    raise UserError(
                        f"{member}: is {image.width}×{image.height} pixels, not {width}×{height} like the first"
                    )
                file.write(image.tobytes())
    return [None] * len(places)
