"""Measure how well and how fast duplicates are found, compared with perceptual hashes.

    python -m bench.duplicates FOLDER [IMAGES]

FOLDER is a prepared data set of packed images. Of its first IMAGES training images (all by default), 100 for each kind
of change are changed and planted in the test split. Prints of both methods, for each kind, the share of the planted
images that are found (recall), and of the pairs named for them the share that is right (precision, at least: a duplicate
that the data set itself has of a planted image may count as wrong); then the pairs between images that are not planted,
which real data have, and the ratio of the times.

The hash is pHash as its users have it: the signs of the 8×8 lowest frequencies of the grey image against their median,
where at most 10 of 64 bits differ.
"""

import io
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import fft

from darkroom.audit.duplicates import find_duplicates
from darkroom.audit.matches import to_grey
from darkroom.audit.thumbnails import SIDE, Thumbnails, read_thumbnails
from darkroom.common.platform import peak_memory
from darkroom.datasets.description import Description

PLANTED = 100  # of each kind
BITS = 10  # of 64 that differ at most between hashes of duplicates

Pixels = NDArray[np.uint8]
Pairs = set[tuple[int, int]]


def compress(image: Pixels, draw: np.random.Generator) -> Pixels:
    """Return an image after JPEG of quality 30 to 75."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=int(draw.integers(30, 76)))
    return np.asarray(Image.open(file).convert("RGB"))


def shift(image: Pixels, draw: np.random.Generator) -> Pixels:
    """Return an image shifted by up to 4 pixels, with another border."""
    down, right = draw.permutation([draw.integers(1, 5) * draw.choice([-1, 1]), draw.integers(-4, 5)])
    border = str(draw.choice(["edge", "reflect", "constant"]))
    padded = np.pad(image, ((4, 4), (4, 4), (0, 0)), border)  # type: ignore[call-overload]
    shifted: Pixels = padded[4 + down :, 4 + right :][:SIDE, :SIDE]
    return shifted


def crop(image: Pixels, draw: np.random.Generator) -> Pixels:
    """Return 28 to 30 of 32 pixels of an image, at its size."""
    side = int(draw.integers(28, 31))
    top, left = draw.integers(0, SIDE + 1 - side, 2)
    part = Image.fromarray(image[top : top + side, left : left + side])
    return np.asarray(part.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def relight(image: Pixels, draw: np.random.Generator) -> Pixels:
    """Return an image with another brightness and contrast."""
    changed = (image - 128.0) * draw.uniform(0.6, 1.4) + 128 + draw.uniform(-40, 40)
    return changed.clip(0, 255).astype(np.uint8)


def disturb(image: Pixels, draw: np.random.Generator) -> Pixels:
    """Return an image with slight noise or blur."""
    if draw.random() < 0.5:
        return (image + draw.normal(0, draw.uniform(3, 10), image.shape)).clip(0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(draw.uniform(0.5, 1.0))))


def mix(image: Pixels, draw: np.random.Generator) -> Pixels:
    """Return an image with half of the changes, drawn."""
    for change in (KINDS["mirror"], shift, relight, compress):
        if draw.random() < 0.5:
            image = change(image, draw)
    return image


KINDS: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "copy": lambda image, _: image,
    "mirror": lambda image, _: image[:, ::-1],
    "jpeg": compress,
    "shift": shift,
    "crop": crop,
    "light": relight,
    "noise or blur": disturb,
    "several": mix,
}


def main(folder: str, images: str = "0") -> None:
    """Measure both on a prepared data set and print the results."""
    train = read_thumbnails(Path(folder), Description.read(Path(folder)), "train")
    pixels = train.pixels[: int(images) or None]
    draw = np.random.default_rng(0)
    sources = draw.permutation(len(pixels))[: PLANTED * len(KINDS)]
    changes = [name for name in KINDS for _ in range(PLANTED)]
    planted = np.stack([KINDS[name](pixels[source], draw) for name, source in zip(changes, sources, strict=True)])
    seconds: dict[str, float] = {}
    pairs: dict[str, Pairs] = {}
    for name, find in (("Darkroom", find_pairs), ("pHash", find_by_hash)):
        started = time.perf_counter()
        pairs[name] = find(planted, pixels)
        seconds[name] = time.perf_counter() - started
    for method, found in pairs.items():
        count = len(planted)
        twins = defaultdict(set)  # of the images that are not planted
        for one, other in found:
            if min(one, other) >= count:
                twins[one].add(other)
                twins[other].add(one)
        for name in KINDS:
            these = [index for index, change in enumerate(changes) if change == name]
            partners = {i: {a + b - i for a, b in found if i in (a, b)} for i in these}
            right = {i: {sources[i] + count} | twins[sources[i] + count] for i in these}
            named = sum(len(partners[i]) for i in these)
            recall = np.mean([bool(partners[i] & right[i]) for i in these])
            precision = sum(len(partners[i] & right[i]) for i in these) / named if named else 1.0
            print(f"{method}, {name}: recall {recall:.2f}, precision {precision:.2f}")
        rest = sum(min(pair) >= count for pair in found)
        print(f"{method}: {rest} pairs of images that are not planted, {seconds[method]:.1f} s")
    print(f"Darkroom takes this many times pHash: {seconds['Darkroom'] / seconds['pHash']:.2f}")
    print(f"peak memory: {peak_memory() / 1e9:.2f} GB")


def find_pairs(test: Pixels, train: Pixels) -> Pairs:
    """Return the pairs that Darkroom finds, as indices of both arrays, one after the other."""
    splits = {}
    for name, pixels in (("test", test), ("train", train)):
        digests = [one.tobytes().hex() for one in pixels]
        splits[name] = Thumbnails(pixels, digests, np.full((len(pixels), 2), SIDE))
    first = {"test": 0, "train": len(test)}
    return {
        (first[one.other.split] + one.other.index, first[one.place.split] + one.place.index)
        for one in find_duplicates(splits)
        if one.other
    }


def find_by_hash(test: Pixels, train: Pixels) -> Pairs:
    """Return the pairs of images whose perceptual hashes are close, as `find_pairs`."""
    low = fft.dctn(to_grey(np.concatenate([test, train])).astype(float), axes=(1, 2))[:, :8, :8].reshape(-1, 64)
    hashes = np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1).view(np.uint64)[:, 0]
    found: Pairs = set()
    for index, one in enumerate(hashes):
        close = np.flatnonzero(np.bitwise_count(hashes[index + 1 :] ^ one) <= BITS)
        found |= {(index, index + 1 + int(other)) for other in close}
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
