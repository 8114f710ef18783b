"""The fifteen corruptions of CIFAR-10-C and ImageNet-C (Hendrycks and Dietterich, arXiv:1903.12261), in whole batches.

Each module here is a corruption and implements `Corruption`. Its parameters are the published ones.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from darkroom.common.named import module_named, names_in
from darkroom.common.platform import pool_size
from darkroom.common.randomness import seed_for
from darkroom.evaluation.corruptions._draws import Draws

FAMILIES = ("noise", "blur", "weather", "digital")  # in the order of the tables
SEVERITIES = range(1, 6)


class Corruption(Protocol):
    """A module that corrupts images.

    Attributes:
        FAMILY: one of `FAMILIES`.
        PARAMETERS: what the severities 1 to 5 mean, by the side in pixels of the images for which it was published: 32
            for CIFAR-10-C, 64 for Tiny-ImageNet-C, 224 for ImageNet-C.
    """

    FAMILY: str
    PARAMETERS: dict[int, tuple[Any, ...]]

    def corrupt(self, images: NDArray[np.uint8], strength: Any, draws: Draws) -> NDArray[Any]:  # noqa: ANN401
        """Return corrupted images.

        Args:
            images: uint8 (b, h, w, 3), RGB.
            strength: an element of `PARAMETERS`.
            draws: the random draws of these images.

        Returns:
            The same shape: uint8, or numbers that are cut off at 0 and 255 and then lose their decimals, as published.
        """


def corruption_named(name: str) -> Corruption:
    """Return the corruption of this name."""
    return cast(Corruption, module_named(__name__, name))


def corruption_names() -> list[str]:
    """Return the names of all corruptions, by family."""
    return sorted(names_in(__name__), key=lambda name: FAMILIES.index(corruption_named(name).FAMILY))


def corrupt(
    images: NDArray[np.uint8], name: str, severity: int, indices: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Return corrupted images. The draws of an image depend on corruption, severity and its index alone.

    They do not depend on the seed of a run: as in CIFAR-10-C, all models see the same corrupted images. Images of
    another size than the published ones get the parameters of the size that is nearest by its ratio.

    Args:
        images: uint8 (b, h, w, 3), RGB.
        name: of the corruption, a module of this package.
        severity: 1 to 5.
        indices: of the images in their split, (b,).

    Returns:
        uint8 (b, h, w, 3).
    """
    corruption, key = corruption_named(name), seed_for("corruption", name, severity)
    side = min(images.shape[1:3])
    published = min(corruption.PARAMETERS, key=lambda known: abs(math.log(side / known)))
    strength = corruption.PARAMETERS[published][severity - 1]

    def corrupt_part(part: slice) -> NDArray[np.uint8]:
        corrupted = corruption.corrupt(images[part], strength, Draws(key, indices[part]))
        return corrupted if corrupted.dtype == np.uint8 else np.clip(corrupted, 0, 255).astype(np.uint8)

    size = math.ceil(len(images) / pool_size())
    parts = [slice(start, start + size) for start in range(0, len(images), size)]
    with ThreadPoolExecutor(pool_size()) as pool:  # NumPy, OpenCV and Pillow let other threads run as they compute
        return np.concatenate(list(pool.map(corrupt_part, parts)))
