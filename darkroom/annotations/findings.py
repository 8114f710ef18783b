"""What looks wrong in converted pairs: findings by kind, and which pairs to look at first."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.annotations.draw import DrawnMask
from darkroom.annotations.signs import LOOK
from darkroom.datasets.pairs import IGNORED

# The kinds of findings, and how much each of them speaks for a mistake.
WEIGHTS = {
    "left_out": 5.0,  # shapes that could not be used are missing; what they are
    "unseen": 4.0,  # shapes without a pixel in the image; their number
    "empty": 4.0,  # no pixel of any class but the background
    "alike": 4.0,  # an image that looks the same has another mask; its name
    "outside": 3.0,  # points outside of the image; their number
    "full": 3.0,  # one class covers nearly all; its name and share
    "once": 3.0,  # classes that no other image has; their names
    "tiny": 2.0,  # objects of a few pixels; their number
    "turned": 1.0,  # the photo is stored turned, so its mask may be too
    "border": 1.0,  # objects that touch the border; their number
}
COMMON = 0.9  # what a finding loses of its weight where all pairs have it
FULL = 0.95  # share of a class that covers nearly all
TINY_SHARE, TINY_PIXELS = 2e-5, 4  # of the image, and in any case: objects with no more pixels are tiny
MOST_REASONS = 5  # why shapes were left out, of one pair
DISTANCE = 0.08  # mean difference of images that look the same, in standard deviations
DIFFERENT = 0.3  # share of the annotated places at which masks differ
LEAST_PLACES = 3  # annotated places without which masks are not compared
BLOCK = 4096  # pairs that are compared at once
NEIGHBOURS = 8  # images with a line in common that each image is compared with
SHOWN, FROM_EACH_KIND, SUSPICIOUS = 300, 20, 200  # pairs to look at: all, at least of each kind, at most by their score


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that looks wrong in a pair.

    Attributes:
        kind: one of `WEIGHTS`.
        value: how much of it there is: a number of shapes, points or objects, or a share.
        about: names or reasons.
        strength: from 0 to 1, how much it speaks for a mistake, compared with others of its kind.
    """

    kind: str
    value: float
    about: tuple[str, ...] = ()
    strength: float = 1.0


def find_findings(drawn: Sequence[DrawnMask], names: list[str]) -> list[list[Finding]]:
    """Return the findings of each mask.

    Args:
        drawn: masks without those that could not be drawn.
        names: class names by id.
    """
    images = np.zeros(len(names), np.int64)
    for one in drawn:
        images += one.pixels[: len(names)] > 0
    alike = find_alike([one.signs.look for one in drawn], [one.signs.sample for one in drawn])
    found = []
    for index, one in enumerate(drawn):
        findings = [*_findings_of(one, names), *_find_rare(one, names, images, len(drawn))]
        if index in alike:
            other, difference = alike[index]
            findings.append(Finding("alike", round(difference, 3), (drawn[other].name,), difference))
        found.append(sorted(findings, key=lambda finding: list(WEIGHTS).index(finding.kind)))
    return found


def _findings_of(one: DrawnMask, names: list[str]) -> list[Finding]:
    """Return the findings that need no other pair."""
    findings, reasons = [], (*one.signs.refused, *one.left_out)
    for kind, count in (
        ("left_out", len(reasons)),
        ("unseen", one.signs.unseen),
        ("outside", one.points_outside),
        ("tiny", _count_tiny(one)),
        ("border", one.signs.touching),
    ):
        if count:
            about = reasons[:MOST_REASONS] if kind == "left_out" else ()
            findings.append(Finding(kind, count, about, count / (count + 1)))
    known = one.pixels[: len(names)]
    if not known[1:].any():
        findings.append(Finding("empty", 1))
    elif known.max() >= FULL * known.sum() and known.argmax() > 0:
        share = float(known.max() / known.sum())
        findings.append(Finding("full", round(share, 4), (names[int(known.argmax())],), share))
    if one.signs.is_turned:
        findings.append(Finding("turned", 1))
    return findings


def _count_tiny(one: DrawnMask) -> int:
    limit = max(TINY_PIXELS, TINY_SHARE * int(one.pixels.sum()))
    return sum(pixels <= limit for sizes in one.objects.values() for pixels in sizes)


def _find_rare(one: DrawnMask, names: list[str], images: NDArray[np.int64], count: int) -> list[Finding]:
    """Return the classes that occur in this mask alone, of several masks. A typo makes such a class."""
    rare = tuple(
        names[class_id]
        for class_id in range(1, len(names))
        if count > 1 and images[class_id] == 1 and one.pixels[class_id]
    )
    return [Finding("once", len(rare), rare)] if rare else []


def find_alike(looks: Sequence[bytes], samples: Sequence[bytes]) -> dict[int, tuple[int, float]]:
    """Return pairs whose image looks like another one's and whose mask differs from it.

    Images are compared if in one row or column of their thumbnails the values rise and fall alike, which is so for
    copies of other sizes or JPEG qualities. In a crowd of such images each is compared with some of the others.

    Args:
        looks: of `look_of`.
        samples: of `sample_of`.

    Returns:
        The index of the other pair, and the share of the annotated places at which the masks differ, by index.
    """
    indices = np.array([index for index, look in enumerate(looks) if look], np.int64)
    if len(indices) < 2:
        return {}
    grey = np.array([np.frombuffer(looks[index], np.uint8) for index in indices]).reshape(-1, LOOK, LOOK)
    masks = np.array([np.frombuffer(samples[index], np.uint8) for index in indices])
    spread = DISTANCE * grey.std(axis=(1, 2))
    partners = np.full(len(indices), -1)
    differences = np.zeros(len(indices))
    for thumbnails in (grey, grey.transpose(0, 2, 1)):
        rises = np.packbits(thumbnails > np.roll(thumbnails, LOOK // 4, axis=2), axis=2).view(np.uint16)[..., 0]
        for line in rises.T:
            order = np.argsort(line, kind="stable")
            for step in range(1, NEIGHBOURS + 1):
                is_same = line[order[:-step]] == line[order[step:]]
                if not is_same.any():
                    break
                for start in range(0, len(is_same), BLOCK):
                    chosen = start + np.flatnonzero(is_same[start : start + BLOCK])
                    one, other = order[chosen], order[chosen + step]
                    is_new = (partners[one] < 0) | (partners[other] < 0)
                    one, other = one[is_new], other[is_new]
                    distance = np.abs(grey[one].astype(np.int16) - grey[other]).mean(axis=(1, 2))
                    is_alike = distance <= np.minimum(spread[one], spread[other])
                    one, other = one[is_alike], other[is_alike]
                    difference = _compare(masks[one], masks[other])
                    for here, there in ((one, other), (other, one)):
                        differs = (difference >= DIFFERENT) & (partners[here] < 0)
                        partners[here[differs]] = there[differs]
                        differences[here[differs]] = difference[differs]
    return {
        int(indices[here]): (int(indices[partners[here]]), float(differences[here]))
        for here in np.flatnonzero(partners >= 0)
    }


def _compare(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the share of places at which sampled masks differ, of those that either has annotated."""
    is_counted = ((one > 0) | (other > 0)) & (one != IGNORED) & (other != IGNORED)
    places = is_counted.sum(axis=1)
    differs = ((one != other) & is_counted).sum(axis=1)
    return np.where(places >= LEAST_PLACES, differs / np.maximum(places, 1), 0.0)


def score_pairs(found: list[list[Finding]]) -> list[float]:
    """Return how suspicious each pair is: the sum of its findings' weights.

    A finding weighs the less the more pairs have it: that objects touch the border says nothing where all of them do.
    """
    counts = Counter(finding.kind for findings in found for finding in findings)
    return [
        sum(
            WEIGHTS[finding.kind] * finding.strength * (1 - COMMON * counts[finding.kind] / len(found))
            for finding in findings
        )
        for findings in found
    ]


def choose_pairs(found: list[list[Finding]], most: int = SHOWN) -> list[int]:
    """Return the indices of the pairs to look at, the most suspicious ones first, then an even sample of the others."""
    scores = score_pairs(found)
    ranked = sorted(range(len(found)), key=lambda index: -scores[index])
    chosen: dict[int, None] = {}  # ordered
    for one in _by_kind(found).values():
        chosen |= dict.fromkeys(one[: FROM_EACH_KIND * most // SHOWN])
    for index in ranked:
        if len(chosen) < SUSPICIOUS * most // SHOWN and scores[index]:
            chosen[index] = None
    others = [index for index in range(len(found)) if index not in chosen]
    room = min(most - len(chosen), len(others))
    sample = [others[step * len(others) // room] for step in range(room)]
    return [*sorted(chosen, key=lambda index: (-scores[index], index)), *sample]


def _by_kind(found: list[list[Finding]]) -> dict[str, list[int]]:
    """Return the indices of the pairs that have a finding of each kind, the strongest ones first."""
    indices: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for index, findings in enumerate(found):
        for finding in findings:
            indices[finding.kind].append((-finding.strength, index))
    return {kind: [index for _, index in sorted(indices[kind])] for kind in WEIGHTS}


def report_findings(splits: dict[str, list[DrawnMask]], names: list[str]) -> dict[str, Any]:
    """Return what the report says of the findings, ready for JSON.

    `findings` has for each kind the number of pairs and the names of the first ones. `check` has the pairs to look at.

    Args:
        splits: the masks of each split, without those that could not be drawn.
        names: class names by id.
    """
    rows = [(split, one) for split, masks in splits.items() for one in masks]
    found = find_findings([one for _, one in rows], names)
    by_kind = _by_kind(found)
    return {
        "findings": {
            kind: {"pairs": len(indices), "names": [rows[index][1].name for index in indices[:SHOWN]]}
            for kind, indices in by_kind.items()
        },
        "check": [
            {
                "split": rows[index][0],
                "name": rows[index][1].name,
                "findings": [
                    {"kind": finding.kind, "value": finding.value, "about": list(finding.about)}
                    for finding in found[index]
                ],
            }
            for index in choose_pairs(found)
        ],
    }
