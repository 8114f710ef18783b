"""Images and masks at other scales, to see how far a segmentation depends on the size of the objects."""

import cv2
import numpy as np
from numpy.typing import NDArray

SCALES = {"scale_down": (0.9, 0.8, 0.7, 0.6, 0.5), "scale_up": (1.2, 1.4, 1.6, 1.8, 2.0)}  # by severity


def rescale(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], factor: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return an image and its mask at another scale. Of an enlarged one only the middle, which has the old size.

    Args:
        image: uint8 (h, w, 3).
        mask: class ids, uint8 (h, w).
        factor: of the sides.
    """
    height, width = mask.shape
    if factor > 1:
        rows, columns = round(height / factor), round(width / factor)
        top, left = (height - rows) // 2, (width - columns) // 2
        image, mask = (pixels[top : top + rows, left : left + columns] for pixels in (image, mask))
        size = (width, height)
    else:
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
    resized = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR if factor > 1 else cv2.INTER_AREA)
    return np.asarray(resized, np.uint8), np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)
