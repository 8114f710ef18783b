"""Small copies of all images, on which an audit compares them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from darkroom.common.parallel import on_all_cores
from darkroom.datasets.description import Description
from darkroom.datasets.kinds import kind_of
from darkroom.datasets.left_out import digest_of
from darkroom.datasets.packed import images_path
from darkroom.datasets.pairs import image_folder, image_paths, read_image

SIDE = 32  # of a thumbnail in pixels
GAP = 3.0  # of Pillow's fast reduction of large images
CHUNK = 64  # image files that a worker gets at a time

Row = tuple[bytes, str, tuple[int, int]]  # the pixels of a thumbnail, and the digest and size of its original


@dataclass(frozen=True)
class Thumbnails:
    """The images of a split, in the order of `read_split` or `image_paths`.

    Attributes:
        pixels: the images scaled to 32×32 pixels, uint8 (n, 32, 32, 3). An image of this size is as it was.
        digests: of size and pixels of the originals: equal for equal images, and for them alone.
        sizes: (height, width) of the originals in pixels, int64 (n, 2).
    """

    pixels: np.ndarray
    digests: list[str]
    sizes: np.ndarray


def read_thumbnails(data: Path, description: Description, split: str) -> Thumbnails:
    """Return the thumbnails of a split of packed arrays or of image files.

    Scaling is Pillow's in whole numbers, so it gives the same bytes everywhere.

    Args:
        data: the folder of the prepared data set.
        description: of the data set.
        split: train, validation or test.

    Raises:
        ValueError: the data set has points and no images.
    """
    if images_path(data, split).is_file():
        images = np.load(images_path(data, split), mmap_mode="r" if description.images[split] else None)
        rows = [_shrink(image) for image in images]
    elif image_folder(data, split).is_dir():
        rows = list(on_all_cores(_shrink_files, image_paths(data, split), f"reading {split} images", CHUNK))
    else:
        raise ValueError(f"the task has no images of the split {split}, but {kind_of(description.kind).UNIT}")
    pixels = np.frombuffer(b"".join(row[0] for row in rows), np.uint8).reshape(-1, SIDE, SIDE, 3)
    return Thumbnails(pixels, [row[1] for row in rows], np.array([row[2] for row in rows], np.int64).reshape(-1, 2))


def _shrink_files(paths: list[Path]) -> list[Row]:
    """Return the rows of image files. It is the work of a worker process."""
    return [_shrink(read_image(path)) for path in paths]


def _shrink(image: np.ndarray) -> Row:
    """Return the row of an image, uint8 (h, w, 3)."""
    size = image.shape[:2]
    content = np.ascontiguousarray(image).tobytes()
    digest = digest_of(image)
    if size != (SIDE, SIDE):
        scaled = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=GAP)
        content = scaled.tobytes()
    return content, digest, size
