"""What one image and its mask show of a wrong conversion. It is small, since a source may have many pairs."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.annotations.pair import Size

LOOK = 16  # side of the grey thumbnail by which alike images are found
SAMPLE = 32  # side of the sampled mask by which masks of alike images are compared
LEAST_CONTRAST = 2.0  # standard deviation of the thumbnail, in grey values; images with less are alike without meaning


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs of one pair.

    Attributes:
        unseen: number of shapes without a pixel in the image: too small, or wholly outside.
        touching: number of objects that touch the border of the image.
        is_turned: the photo has an EXIF orientation, which the annotation may or may not follow.
        look: the image as grey values, LOOK × LOOK; empty where the image is of one colour.
        sample: the class ids of the mask at SAMPLE × SAMPLE places.
        refused: why shapes were left out when the annotation was read.
    """

    unseen: int = 0
    touching: int = 0
    is_turned: bool = False
    look: bytes = b""
    sample: bytes = b""
    refused: tuple[str, ...] = ()


def look_of(image: Image.Image) -> bytes:
    """Return what an image looks like from afar. JPEG and other sizes hardly change it."""
    grey = image.convert("L").resize((LOOK, LOOK), Image.Resampling.BOX)
    return grey.tobytes() if np.asarray(grey).std() >= LEAST_CONTRAST else b""


def sample_of(mask: NDArray[np.uint8]) -> bytes:
    """Return the class ids at the centres of equal parts of a mask."""
    rows, columns = ((2 * np.arange(SAMPLE) + 1) * side // (2 * SAMPLE) for side in mask.shape)
    return mask[np.ix_(rows, columns)].tobytes()


def count_touching(objects: NDArray[np.int32], left: int, top: int, size: Size) -> int:
    """Return how many objects touch the border of the image.

    Args:
        objects: OpenCV's statistics of connected components.
        left, top: of the part of the image that the components were found in.
        size: width and height of the image.
    """
    lefts, tops = objects[:, cv2.CC_STAT_LEFT] + left, objects[:, cv2.CC_STAT_TOP] + top
    rights, bottoms = lefts + objects[:, cv2.CC_STAT_WIDTH], tops + objects[:, cv2.CC_STAT_HEIGHT]
    return int(((lefts == 0) | (tops == 0) | (rights == size[0]) | (bottoms == size[1])).sum())
