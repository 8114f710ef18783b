"""Segmentation data sets on disk: a folder of images and a folder of masks for each split."""

from pathlib import Path

import numpy as np
from PIL import Image

IGNORED = 255  # the id of mask pixels that count for nothing


def image_folder(folder: Path, split: str) -> Path:
    return folder / split / "images"


def mask_path(folder: Path, split: str, name: str) -> Path:
    return folder / split / "masks" / f"{name}.png"


def image_paths(folder: Path, split: str) -> list[Path]:
    """The image files of a split, sorted by name; each has a mask of the same stem."""
    return sorted(image_folder(folder, split).iterdir()) if image_folder(folder, split).is_dir() else []


def read_image(path: Path) -> np.ndarray:
    """An image; uint8 (h, w, 3), RGB."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def read_mask(path: Path) -> np.ndarray:
    """A mask of class ids, `IGNORED` among them; uint8 (h, w)."""
    with Image.open(path) as image:
        return np.asarray(image)


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write class ids, uint8 (h, w), as a single-channel PNG.

    Even areas, as masks have, come out small by run lengths alone, several times as fast as by Pillow.
    """
    import cv2  # here, since training does without it

    how = [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    path.write_bytes(cv2.imencode(".png", mask, how)[1])
