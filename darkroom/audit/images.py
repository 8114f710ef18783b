"""Images that look wrong by themselves: nearly of one colour, tiny, or of a size far from the others."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.audit.findings import Finding, Kind, Place
from darkroom.audit.thumbnails import Thumbnails

SPAN = 6  # levels of 255 that the pixels of a blank image span at most, in each channel, apart from a few
LEFT_OUT = 10  # pixels of 1024 at either end that the span leaves out
TINY = 16  # pixels: an image with a shorter side below it is tiny where most are twice as large
SHARE = 0.25  # of the median of the shorter sides: below it an image is tiny in any case
ASPECT, AREA = 2.5, 10.0  # by what factor an odd one differs from the median, times the quartiles' ratio squared
DIGITS = 4  # of a score
UNDECODABLE = "does not decode as an image"  # what the message on a file says that is no image


def find_odd_images(thumbnails: dict[str, Thumbnails]) -> list[Finding]:
    """Return images that look wrong by themselves: `blank`, `tiny` and `odd_size`, each sorted by score.

    The notes are sizes, such as `640×480`. Packed arrays have one size, so only `blank` occurs in them. An image has
    one finding of its size at most. `list_corrupt` returns what else looks wrong.

    Args:
        thumbnails: by split.
    """
    places = [Place(split, index) for split, one in thumbnails.items() for index in range(len(one.digests))]
    if not places:
        return []
    sizes = np.concatenate([one.sizes for one in thumbnails.values()])
    blank = _find_blank(np.concatenate([one.pixels for one in thumbnails.values()]))
    tiny = _find_tiny(sizes)
    odd = {index: score for index, score in _find_odd_sizes(sizes).items() if index not in tiny}
    by_kind: tuple[tuple[Kind, dict[int, float]], ...] = (("blank", blank), ("tiny", tiny), ("odd_size", odd))
    return [
        Finding(kind, places[index], score, note=f"{sizes[index, 1]}×{sizes[index, 0]}")
        for kind, scores in by_kind
        for index, score in sorted(scores.items(), key=lambda one: (-one[1], places[one[0]].split, one[0]))
    ]


def list_corrupt(report: dict[str, Any]) -> list[str]:
    """Return the messages on files that do not decode, and were left out of the prepared data set.

    These have no index and so no finding. They occur where `annotations.skip_bad` is true: everywhere else such a file
    ends the preparation.

    Args:
        report: of the preparation, as `read_report`.
    """
    return [message for message in report.get("left_out", []) if UNDECODABLE in message]


def _find_blank(pixels: NDArray[np.uint8]) -> dict[int, float]:
    """Return the scores of images whose pixels are nearly equal, by index."""
    flat = pixels.reshape(len(pixels), -1, 3)
    few = flat[:, ::64].astype(np.int16)  # images that differ at many of 16 places need no sorting
    likely = np.flatnonzero(np.ptp(np.sort(few, axis=1)[:, 4:-4], axis=1).max(axis=1) <= SPAN)
    ordered = np.sort(flat[likely], axis=1).astype(np.int64)
    spans = (ordered[:, -1 - LEFT_OUT] - ordered[:, LEFT_OUT]).max(axis=1)
    return {
        int(index): round(1 - float(span) / (2 * SPAN), DIGITS)
        for index, span in zip(likely, spans, strict=True)
        if span <= SPAN
    }


def _find_tiny(sizes: NDArray[np.int64]) -> dict[int, float]:
    """Return the scores of images that are much smaller than most, by index."""
    sides = sizes.min(axis=1)
    median = float(np.median(sides))
    limit = max(SHARE * median, min(TINY, median / 2))
    return {int(index): round(1 - float(sides[index]) / median, DIGITS) for index in np.flatnonzero(sides < limit)}


def _find_odd_sizes(sizes: NDArray[np.int64]) -> dict[int, float]:
    """Return the scores of images whose aspect or area is far from the median, by index."""
    height, width = sizes.T.astype(np.float64)
    found: dict[int, float] = {}
    for values, least in ((width / height, ASPECT), (width * height, AREA)):
        low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
        limit = least * (high / low) * (high / low)
        ratios = np.maximum(values / median, median / values)
        for index in np.flatnonzero(ratios > limit):
            found[int(index)] = max(found.get(int(index), 0.0), round(1 - 1 / float(ratios[index]), DIGITS))
    return found
