"""Images that occur twice: exact copies, and copies that were changed a little."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from darkroom.audit.findings import Finding, Place
from darkroom.audit.matches import Match, find_matches, scale
from darkroom.audit.thumbnails import Thumbnails
from darkroom.datasets.description import SPLITS

# What a note says of the image in comparison with the one that it repeats; `pixels`: nothing else differs.
NOTES = ("mirrored", "shifted", "scaled", "brighter", "darker", "contrast", "colour", "pixels")
LEVELS, CONTRAST, TINT = 8.0, 1.15, 8.0  # least difference of means, ratio of deviations, difference of colours


def find_duplicates(thumbnails: dict[str, Thumbnails]) -> list[Finding]:
    """Return exact and near duplicates within and across splits: exact ones first, then by score.

    An image that should go has one finding, with the image that it repeats: one of the test split before one of the
    validation split before one of its own, and of these the most similar one. A test or validation image that an image
    of an earlier split repeats is `other` of one such finding at least, so that they count what leaked.

    A near duplicate may be mirrored, shifted, cropped, compressed, brightened, blurred or noisy, to a degree. Its note
    has one or more of `NOTES`, with blanks between. Images without detail are duplicates only if they are equal.

    Args:
        thumbnails: by split.
    """
    splits = [split for split in reversed(SPLITS) if split in thumbnails]
    places = [Place(split, index) for split in splits for index in range(len(thumbnails[split].digests))]
    if not places:
        return []
    firsts: dict[str, int] = {}  # by digest
    same = [firsts.setdefault(thumbnails[place.split].digests[place.index], i) for i, place in enumerate(places)]
    unique = sorted(firsts.values())
    pixels = np.concatenate([thumbnails[split].pixels for split in splits])
    distinct = pixels if len(unique) == len(pixels) else pixels[unique]
    matches = [replace(one, first=unique[one.first], second=unique[one.second]) for one in find_matches(distinct)]
    pairs = _choose_pairs([place.split for place in places], same, matches)
    found = [
        Finding(
            "near_duplicate", places[copy], match.score, places[kept], _note(pixels, match, same[copy] == match.first)
        )
        if match
        else Finding("exact_duplicate", places[copy], 1.0, places[kept])
        for copy, kept, match in pairs
    ]
    return sorted(found, key=lambda one: (one.kind, -one.score))


def _choose_pairs(splits: list[str], same: list[int], matches: list[Match]) -> list[tuple[int, int, Match | None]]:
    """Return pairs of an image that should go and the one that it repeats, and how they match; None: they are equal.

    Args:
        splits: of the images, the test split first.
        same: the first image that equals each.
        matches: of images without those that equal an earlier one.
    """
    earlier: dict[int, list[tuple[int, Match]]] = defaultdict(list)
    for match in matches:
        earlier[match.second].append((match.first, match))
    order = {split: rank for rank, split in enumerate(dict.fromkeys(splits))}
    pairs: list[tuple[int, int, Match | None]] = []
    for copy, first in enumerate(same):
        if first != copy:
            pairs.append((copy, first, None))
        elif earlier[copy]:
            kept, match = min(earlier[copy], key=lambda one: (order[splits[one[0]]], -one[1].score, one[0]))
            pairs.append((copy, kept, match))
    return pairs + _choose_leaks(splits, same, matches, pairs)


def _choose_leaks(
    splits: list[str], same: list[int], matches: list[Match], pairs: list[tuple[int, int, Match | None]]
) -> list[tuple[int, int, Match | None]]:
    """Return a pair for each image that another split's image repeats and that no such pair of `pairs` names."""
    groups: dict[int, list[int]] = defaultdict(list)  # equal images, by the first
    for index, first in enumerate(same):
        groups[first].append(index)
    named = {kept for copy, kept, _ in pairs if splits[copy] != splits[kept]}
    best: dict[int, tuple[float, int, Match | None]] = {}

    def offer(kept: int, group: int, match: Match | None) -> None:
        copies = [index for index in groups[group] if index > kept and splits[index] != splits[kept]]
        score = match.score if match else 2.0
        if copies and kept not in named and score > best.get(kept, (0.0,))[0]:
            best[kept] = score, copies[0], match

    for first, group in groups.items():
        for kept in group:
            offer(kept, first, None)
    for match in matches:
        for kept in groups[match.first]:
            offer(kept, match.second, match)
        for kept in groups[match.second]:
            offer(kept, match.first, match)
    return [(copy, kept, match) for kept, (_, copy, match) in sorted(best.items())]


def _note(pixels: NDArray[np.uint8], match: Match, is_first: bool) -> str:
    """Return what differs between the images of a match.

    Args:
        pixels: of all images.
        match: two of them, or two that equal them.
        is_first: the note is of the first, not of the second.
    """
    first, second = (
        scale(pixels[index : index + 1], side)[0].astype(np.float64)
        for index, side in zip((match.first, match.second), match.sides, strict=True)
    )
    if match.mirrored:
        first = first[:, ::-1]
    tops = [(match.sides[1] - match.sides[0]) // 2 + shift for shift in match.shift]  # of the first in the second
    lengths = [min(match.sides[0], match.sides[1] - top) - max(0, -top) for top in tops]
    first, second = (
        image[start[0] : start[0] + lengths[0], start[1] : start[1] + lengths[1]]
        for image, start in ((first, [max(0, -top) for top in tops]), (second, [max(0, top) for top in tops]))
    )
    copy, kept = (first, second) if is_first else (second, first)
    brighter = copy.mean() - kept.mean()
    ratio = (copy.std() + 1) / (kept.std() + 1)
    tints = [np.diff(image.mean(axis=(0, 1))) for image in (copy, kept)]
    holds = {
        "mirrored": match.mirrored,
        "shifted": any(match.shift),
        "scaled": match.sides[0] != match.sides[1],
        "brighter": brighter >= LEVELS,
        "darker": brighter <= -LEVELS,
        "contrast": max(ratio, 1 / ratio) >= CONTRAST,
        "colour": np.abs(tints[0] - ratio * tints[1]).max() >= TINT,
    }
    return " ".join(note for note, is_so in holds.items() if is_so) or NOTES[-1]
