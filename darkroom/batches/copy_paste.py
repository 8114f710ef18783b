"""Copy-paste augmentation (Ghiasi et al., arXiv:2012.07177)."""

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.datasets.pairs import IGNORED

MIN_PIXELS = 16  # smaller regions are fragments of an annotation, not objects


def paste_object(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    other: NDArray[np.uint8],
    other_mask: NDArray[np.uint8],
    draw: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Paste an object of another image at a random place, where all of it fits into the image.

    An object is a connected region of one class other than the background. All classes are equally likely, and so are
    all objects of a class.

    Args:
        image: uint8 (h, w, 3).
        mask: class ids of `image`, uint8 (h, w).
        other: the image to take an object from, uint8 (h, w, 3). It may have another size.
        other_mask: class ids of `other`, uint8 (h, w).
        draw: of class, object and place.

    Returns:
        Copies of `image` and `mask` with the object; `image` and `mask` themselves if no object fits.
    """
    values = np.setdiff1d(np.unique(other_mask), [0, IGNORED])
    if not len(values):
        return image, mask
    _, regions, statistics, _ = cv2.connectedComponentsWithStats(
        (other_mask == draw.choice(values)).astype(np.uint8), connectivity=8
    )
    height, width = mask.shape
    fitting = [
        number
        for number, (_, _, w, h, pixels) in enumerate(statistics)
        if number and pixels >= MIN_PIXELS and w <= width and h <= height
    ]
    if not fitting:
        return image, mask
    number = draw.choice(fitting)
    left, top, w, h, _ = statistics[number]
    x, y = draw.integers(width - w + 1), draw.integers(height - h + 1)
    source = (slice(top, top + h), slice(left, left + w))
    target = (slice(y, y + h), slice(x, x + w))
    is_object = regions[source] == number
    image, mask = image.copy(), mask.copy()
    image[target][is_object] = other[source][is_object]
    mask[target][is_object] = other_mask[source][is_object]
    return image, mask
