"""Folders of RGB masks, a colour for each class (`annotations.colours`)."""

from collections.abc import Hashable, Mapping

import numpy as np

from darkroom.annotations.pair import BACKGROUND, Pair
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.png import check_size, open_image, pairs, recognizes
from darkroom.archives.member import Member
from darkroom.common.errors import UserError

__all__ = ["UPRIGHT", "classes", "mask", "pairs", "recognizes"]

UPRIGHT = False
BLACK = [0, 0, 0]


def classes(found: list[Pair], members: Mapping[str, Member], parameters: AnnotationParameters) -> dict[int, str]:
    """The background, black where no other colour is given for it, then the classes in their order; by colour."""
    colours = {BACKGROUND: BLACK, **(parameters.colours or {})}
    named: dict[int, str] = {}
    for name, colour in colours.items():
        other = named.setdefault(_number(colour), name)
        if other != name:
            raise UserError(f"params.yaml: annotations.colours: {name} and {other} have the same colour {colour}")
    return named


def mask(pair: Pair, ids: dict[Hashable, int], size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The mask with its colours turned into class ids; uint8 (height, width), and 0.

    Args:
        ids: class ids by colour, as one number of 24 bits.
        size: (width, height) of the image.

    Raises:
        UserError: a colour that stands for no class, or another size.
    """
    pixels = np.asarray(open_image(pair.annotation).convert("RGB")).astype(np.int64)
    check_size(pair.annotation, pixels, size)
    numbers = pixels @ [1 << 16, 1 << 8, 1]
    used, places = np.unique(numbers, return_inverse=True)
    for number in used.tolist():
        if number not in ids:
            y, x = (int(c[0]) for c in np.nonzero(numbers == number))
            raise UserError(
                f"{pair.annotation}: colour {pixels[y, x].tolist()} at ({x}, {y}) is of no class; name it in "
                "annotations.colours"
            )
    return np.array([ids[number] for number in used.tolist()], np.uint8)[places].reshape(numbers.shape), 0


def _number(colour: list[int]) -> int:
    red, green, blue = colour
    return red << 16 | green << 8 | blue
