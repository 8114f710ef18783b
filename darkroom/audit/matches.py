"""Pairs of images that show the same photo: mirrored, shifted, cropped, compressed, brightened, blurred or noisy.

Perceptual hashes compare images as they lie, so a shift of some pixels or another crop escapes them. Here pairs are
found in two steps. The first compares the low frequencies of the centre of one image with those of several places of
the other one, as it is and mirrored. The second aligns the pairs that are alike: it compares their detail, at all
shifts and some scales. Detail is divided by the local contrast, as otherwise any two ships at sea are alike.

All products are sums of whole numbers that their type holds exactly, so they depend neither on the machine nor on the
number of threads.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from darkroom.audit.thumbnails import SIDE
from darkroom.common.platform import pool_size
from darkroom.common.progress import progress

# Low frequencies: cosines of a window, weighted by their frequency, since those of photos fall off with it.
WINDOW, FREQUENCIES = 26, 6  # pixels, and frequencies of each direction
PLACES = (0, 3, 6)  # of windows in the other image, along each axis: no shift up to 4 pixels is further than 1 from one
COSINE, WEIGHT = 128, 16  # units of the whole numbers that stand for cosines and weights
CUT = 2.0**-16  # scales the products, so that their squares are exact in float64
LENGTH = 4000  # of a descriptor: products of two are below 2**24, so float32 holds them exactly
LIKELY = 0.70  # similarity of descriptors from which on a pair is aligned
MOST = 256  # pairs with later images for which an image is aligned at most
ROWS, COLUMNS = 256, 1024  # of a block of products, which fits the cache of a core
BLOCK = 1024  # images that are prepared at once

# Detail: grey minus its local mean, by the local deviation.
LOCAL = 3  # pixels on each side that are local
NOISE = 4.0  # levels of 255: detail of less deviation counts less
DETAIL, LARGEST = 32, 127  # units of one local deviation, and where detail is cut off: float32 holds the products
TEMPLATE = 24  # pixels of the centre of an image that is looked for in the other one
FLAT = 4  # units: deviation of the detail up to which an image counts as flat, and as not very similar to any
SCALES = ((SIDE, SIDE), (SIDE, 30), (30, SIDE), (SIDE, 28), (28, SIDE))  # sides to which the two are scaled
ALIKE = 0.85  # similarity of detail from which on two images show the same photo, at least
SAMPLE, RARE = 128, 0.001  # images that are compared with as many others, and the share of these pairs
STRICT = 0.28  # by what share two images differ at most, of what separates the `RARE` most similar pairs from equality
HOPE = 0.35  # how much less similar than at another scale images may be as they are
DIGITS = 4  # of a similarity


@dataclass(frozen=True)
class Match:
    """Two images that show the same photo.

    Attributes:
        first, second: their indices, the smaller one first.
        score: similarity of their detail, from 0 to 1.
        mirrored: the second is a mirror image of the first.
        sides: to which they are scaled to fit each other, in pixels.
        shift: (down, right) by which the second's content is further, once it is mirrored and scaled.
    """

    first: int
    second: int
    score: float
    mirrored: bool
    sides: tuple[int, int]
    shift: tuple[int, int]


def find_matches(pixels: NDArray[np.uint8]) -> list[Match]:
    """Return the pairs of images that show the same photo, sorted by index. The time is quadratic in their number.

    Args:
        pixels: of thumbnails, (n, 32, 32, 3).
    """
    threads = torch.get_num_threads()
    bar = progress(len(pixels), "comparing images")
    matches: list[Match] = []
    try:
        with ThreadPoolExecutor(pool_size(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            search = _Search(pixels)
            list(pool.map(search.prepare, range(0, len(pixels), BLOCK)))
            alike = search.choose_threshold()
            for found in pool.map(partial(search.find, alike), range(0, len(pixels), ROWS)):
                bar.update(min(ROWS, len(pixels) - int(bar.n)))
                matches += found
    finally:
        bar.close()
        torch.set_num_threads(threads)
    return sorted(matches, key=lambda match: (match.first, match.second))


class _Search:
    """What is compared of all images, made once, and the comparison of some of them with all later ones."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels, count = pixels, len(pixels)
        self.bases = _make_bases()  # (mirrored, places, 1024, 35)
        self.windows = np.empty((*self.bases.shape[:2], self.bases.shape[-1], count), np.float32)
        sides = {side for pair in SCALES for side in pair}
        self.details = {side: np.empty((count, side, side), np.int8) for side in sides}
        self.energies = {side: np.empty((count, (side - TEMPLATE + 1) ** 2), np.float32) for side in sides}

    def prepare(self, start: int) -> None:
        """Fill in what is compared of the images from `start` on, `BLOCK` of them."""
        some = slice(start, start + BLOCK)
        grey = to_grey(self.pixels[some])
        for mirrored, place in np.ndindex(*self.bases.shape[:2]):
            self.windows[mirrored, place, :, some] = _describe(grey, self.bases[mirrored, place]).T
        for side, details in self.details.items():
            details[some] = _detail(to_grey(scale(self.pixels[some], side)))
            self.energies[side][some] = _energy(details[some])

    def choose_threshold(self) -> float:
        """Return the similarity of detail from which on two images show the same photo.

        It is `ALIKE` for photos. It is higher where any two images are alike, as those of digits are.
        """
        count = len(self.pixels)
        if count < 2:
            return ALIKE
        sample = min(SAMPLE, count // 2)
        firsts = np.arange(sample) * count // sample
        seconds = firsts + count // (2 * sample)
        scores = np.sort([self._compare(int(first), seconds, False, SCALES[0])[0] for first in firsts], axis=None)
        duplicates = 2 * sample * sample / count  # as many pairs as of a sample in which each image has two
        usual = float(scores[-1 - min(int(RARE * len(scores) + duplicates), len(scores) - 1)])
        return max(ALIKE, round(1 - STRICT * (1 - usual), DIGITS))

    def find(self, alike: float, start: int) -> list[Match]:
        """Return the matches of the images from `start` on, `ROWS` of them, with later ones.

        Args:
            alike: similarity from which on two images match.
            start: index of the first image.
        """
        best: dict[tuple[int, int], Match] = {}
        for mirrored in (False, True):
            for first, seconds in self._find_likely(start, mirrored):
                for match in self._align(first, seconds, mirrored, alike):
                    key = match.first, match.second
                    if key not in best or match.score > best[key].score:
                        best[key] = match
        return list(best.values())

    def _find_likely(self, start: int, mirrored: bool) -> list[tuple[int, NDArray[np.int64]]]:
        """Return images and, of each, the later ones whose low frequencies are alike somewhere."""
        centre = self.windows[0, len(PLACES) ** 2 // 2]
        centres = torch.from_numpy(centre[:, start : start + ROWS].T.copy())
        count = centre.shape[1]
        found = []
        for left in range(start, count, COLUMNS):
            width = min(COLUMNS, count - left)
            most = torch.full((len(centres), width), -1.0)
            products = torch.empty_like(most)
            for window in torch.from_numpy(self.windows[int(mirrored)]):
                torch.matmul(centres, window[:, left : left + width], out=products)
                torch.maximum(most, products, out=most)
            flat = most.numpy().ravel()
            likely = np.flatnonzero(flat >= LIKELY * LENGTH**2)
            found.append((start + likely // width, left + likely % width, flat[likely]))
        row, column, value = (np.concatenate(parts) for parts in zip(*found, strict=True))
        is_later = column > row
        row, column, value = row[is_later], column[is_later], value[is_later]
        order = np.lexsort((column, -value, row))
        row, column = row[order], column[order]
        firsts, begins, counts = np.unique(row, return_index=True, return_counts=True)
        return [
            (int(first), np.sort(column[begin : begin + min(count, MOST)]))
            for first, begin, count in zip(firsts, begins, counts, strict=True)
        ]

    def _align(self, first: int, seconds: NDArray[np.int64], mirrored: bool, alike: float) -> list[Match]:
        """Return the matches of an image with some others."""
        scores, places = self._compare(first, seconds, mirrored, SCALES[0])
        kept = np.flatnonzero(scores >= alike - HOPE)
        if not len(kept):
            return []
        seconds = seconds[kept]
        by_scale = [(scores[kept], places[kept])]
        by_scale += [self._compare(first, seconds, mirrored, sides) for sides in SCALES[1:]]
        scores = np.round([scores for scores, _ in by_scale], DIGITS)
        chosen = scores.argmax(axis=0)
        matches = []
        for at in np.flatnonzero(scores.max(axis=0) >= alike):
            sides = SCALES[chosen[at]]
            down, right = divmod(int(by_scale[chosen[at]][1][at]), sides[1] - TEMPLATE + 1)
            middle = (sides[1] - TEMPLATE) // 2
            score = min(1.0, float(scores[chosen[at], at]))
            matches.append(Match(first, int(seconds[at]), score, mirrored, sides, (down - middle, right - middle)))
        return matches

    def _compare(
        self, first: int, seconds: NDArray[np.int64], mirrored: bool, sides: tuple[int, int]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the similarity of the detail of an image and of others where it is largest, and this place.

        The centre of the image is compared at all places of the others: a cosine, in which `FLAT` counts as energy.
        """
        edge = (sides[0] - TEMPLATE) // 2
        template = self.details[sides[0]][first, edge : edge + TEMPLATE, edge : edge + TEMPLATE]
        if mirrored:
            template = template[:, ::-1]
        room = sides[1] - TEMPLATE
        padded = np.zeros((sides[1] + room, sides[1] + room), np.float32)
        padded[room : room + TEMPLATE, room : room + TEMPLATE] = template
        shifted = sliding_window_view(padded, (sides[1], sides[1]))[::-1, ::-1].reshape((room + 1) ** 2, -1)
        others = torch.from_numpy(self.details[sides[1]][seconds].reshape(len(seconds), -1)).float()
        products = torch.matmul(others, torch.from_numpy(shifted).T).numpy().astype(np.float64)
        flat = float((FLAT * TEMPLATE) ** 2)
        energy = float((template.astype(np.int64) ** 2).sum()) + flat
        cosines = products / np.sqrt((self.energies[sides[1]][seconds] + flat) * energy)
        places = cosines.argmax(axis=1)
        return cosines[np.arange(len(seconds)), places], places


def to_grey(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the luma of images (n, h, w, 3): whole numbers from 0 to 255, (n, h, w)."""
    red, green, blue = np.moveaxis(pixels.astype(np.int32), -1, 0)
    luma: NDArray[np.int64] = ((77 * red + 150 * green + 29 * blue + 128) >> 8).astype(np.int64)
    return luma


def scale(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return square images (n, h, h, 3) with another side, by Pillow, whose scaling is in whole numbers."""
    if side == pixels.shape[1]:
        return pixels
    scaled = [np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BILINEAR)) for one in pixels]
    return np.array(scaled, np.uint8).reshape(-1, side, side, 3)


def _make_bases() -> NDArray[np.float64]:
    """Return what the low frequencies of windows are products of an image with: (mirrored, places, 1024, 35)."""
    frequencies = np.arange(FREQUENCIES)
    cosines = np.rint(COSINE * np.cos(np.pi * (2 * np.arange(WINDOW) + 1) * frequencies[:, None] / (2 * WINDOW)))
    once = np.where(frequencies > 0, 2**0.5, 1.0)
    weights = np.rint(WEIGHT * np.hypot(frequencies[:, None], frequencies) * once[:, None] * once)
    waves = np.einsum("uv,uy,vx->yxuv", weights, cosines, cosines).reshape(WINDOW, WINDOW, -1)[:, :, 1:]
    bases = np.zeros((len(PLACES) ** 2, SIDE, SIDE, waves.shape[-1]))
    for basis, (top, left) in zip(bases, product(PLACES, PLACES), strict=True):
        basis[top : top + WINDOW, left : left + WINDOW] = waves
    return np.stack([bases, bases[:, :, ::-1]]).reshape(2, len(bases), SIDE * SIDE, -1)


def _describe(grey: NDArray[np.int64], basis: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the low frequencies of a window of each image: whole numbers, (n, 35), of length `LENGTH`."""
    flat = torch.from_numpy(grey.reshape(len(grey), -1).astype(np.float64))
    products = np.rint((flat @ torch.from_numpy(basis)).numpy() * CUT)
    lengths = np.sqrt((products * products).sum(axis=1, keepdims=True))
    described: NDArray[np.float32] = np.rint(products * (LENGTH / np.maximum(lengths, 1.0))).astype(np.float32)
    return described


def _detail(grey: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return grey images, smoothed a little, minus the local mean and by the local deviation."""
    rows = np.pad(grey, ((0, 0), (1, 1), (1, 1)), "edge")
    rows = rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]
    smooth = rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]  # 16 units to a level
    area = (2 * LOCAL + 1) ** 2
    difference = np.rint(smooth - _sum_around(smooth) / area).astype(np.int64)
    variance = _sum_around(difference * difference) / area
    return np.clip(np.rint(DETAIL * difference / np.sqrt(variance + (16 * NOISE) ** 2)), -LARGEST, LARGEST).astype(
        np.int8
    )


def _sum_around(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sums of all values up to `LOCAL` pixels away; images are mirrored at their border."""
    return sum_windows(np.pad(values, ((0, 0), (LOCAL, LOCAL), (LOCAL, LOCAL)), "reflect"), 2 * LOCAL + 1)


def sum_windows(values: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Return the sums of all windows of a side, int64 (n, h - side + 1, w - side + 1)."""
    sums = np.pad(values, ((0, 0), (1, 0), (1, 0))).cumsum(axis=1).cumsum(axis=2)
    below = sums[:, side:] - sums[:, :-side]
    windows: NDArray[np.int64] = below[:, :, side:] - below[:, :, :-side]
    return windows


def _energy(detail: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return the sum of squares in the template at all its places, (n, places)."""
    return sum_windows(detail.astype(np.int64) ** 2, TEMPLATE).reshape(len(detail), -1).astype(np.float32)
