"""Objects of one image in another, after Ghiasi et al., "Simple Copy-Paste" (arXiv:2012.07177)."""

import cv2
import numpy as np

from darkroom.datasets.pairs import IGNORED

SMALLEST = 16  # pixels: less is a splinter of the annotation and no object


def paste_object(
    image: np.ndarray, mask: np.ndarray, other: np.ndarray, other_mask: np.ndarray, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """`image` and `mask` with an object of another pair, moved to a random place in which it lies as a whole.

    All classes of the other image but the background are equally likely, and so are a class's objects: regions that
    hang together, corners counting. Without one that fits, nothing changes.

    Args:
        image, other: uint8 (h, w, 3).
        mask, other_mask: uint8 (h, w).
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
        if number and pixels >= SMALLEST and w <= width and h <= height
    ]
    if not fitting:
        return image, mask
    number = draw.choice(fitting)
    left, top, w, h, _ = statistics[number]
    x, y = draw.integers(width - w + 1), draw.integers(height - h + 1)
    taken = (slice(top, top + h), slice(left, left + w))
    place = (slice(y, y + h), slice(x, x + w))
    object_ = regions[taken] == number
    image, mask = image.copy(), mask.copy()
    image[place][object_] = other[taken][object_]
    mask[place][object_] = other_mask[taken][object_]
    return image, mask
