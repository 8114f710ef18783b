"""Reading of images of any size with one class for each pixel."""

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from darkroom.batches.normalize import mask_targets
from darkroom.batches.padding import pad
from darkroom.datasets.description import Description
from darkroom.datasets.pairs import IGNORED, image_paths, mask_path, read_image, read_mask


def read_whole(folder: Path, split: str, _: Description) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one image and its mask at a time, sorted by name, both padded at the right and below.

    Yields:
        An image, uint8 (1, h, w, 3), and its class ids, int64 (1, h, w), in which `IGNORE_INDEX` marks ignored pixels
        and the padding.
    """
    for path in image_paths(folder, split):
        mask = read_mask(mask_path(folder, split, path.stem))[..., None]
        yield pad(read_image(path))[None], mask_targets(pad(mask, IGNORED)[None, ..., 0])
