"""Segmentation data sets on disk: a folder of images and a folder of masks per split."""

from pathlib import Path

import numpy as np
from PIL import Image

from darkroom.common.files import in_order

IGNORED = 255  # the id of mask pixels that no loss and no metric counts


def image_folder(folder: Path, split: str) -> Path:
    """Return the folder of a split's images."""
    return folder / split / "images"


def mask_path(folder: Path, split: str, name: str) -> Path:
    """Return the path of the mask of an image; `name` is the image's without suffix."""
    return folder / split / "masks" / f"{name}.png"


def image_paths(folder: Path, split: str) -> list[Path]:
    """Return the image files of a split, sorted by name. Each has a mask of the same stem."""
    return in_order(image_folder(folder, split).iterdir()) if image_folder(folder, split).is_dir() else []


def read_image(path: Path) -> np.ndarray:
    """Return an image; uint8 (h, w, 3), RGB."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def read_mask(path: Path) -> np.ndarray:
    """Return a mask of class ids, `IGNORED` among them; uint8 (h, w)."""
    with Image.open(path) as image:
        return np.asarray(image)


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write class ids, uint8 (h, w), or object ids, uint16 (h, w), as a single-channel PNG.

    Run-length encoding is enough for the even areas of masks, and several times as fast as Pillow.
    """
    import cv2  # imported here, since training does not need it

    no_filter = [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
    run_lengths = [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    _, encoded = cv2.imencode(".png", mask, [*no_filter, *run_lengths])
    path.write_bytes(encoded.tobytes())
