"""Outlines of regions of pixels."""

import cv2
import numpy as np

from darkroom.annotations.shapes import Pixels, Region, Ring


def trace_edges(pixels: Pixels) -> list[Ring]:
    """Return closed lines along the edges of pixels, through the corners of pixels, that surround a region.

    Filled together by the rule of even and odd, they cover exactly these pixels. Pixels that touch at a corner are
    within one line. A corner of the lines is a grid point around which one or three of the four pixels are inside, or
    two that touch at it; such a point is the corner of two lines.
    """
    grid = np.pad(pixels, 1).astype(np.int8)
    around = [grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]]  # clockwise from the upper left
    total = sum(around)
    is_crossing = (total == 2) & (around[0] == around[2])
    ys, xs = np.nonzero((total % 2 == 1) | is_crossing)
    crossing, falls = is_crossing[ys, xs], around[0][ys, xs] == 1  # falls: the pixels lie upper left and lower right
    # The first corner at a crossing ends the horizontal line on its left, the second begins the one on its right. So
    # that touching pixels stay together, the left one goes on downwards where the pixels fall, and upwards otherwise.
    second = np.concatenate([np.zeros(len(xs), int), np.ones(int(crossing.sum()), int)])
    x, y = (np.concatenate([axis, axis[crossing]]) for axis in (xs, ys))
    is_lower = second ^ np.concatenate([falls, falls[crossing]]) & (np.concatenate([crossing, crossing[crossing]]))
    across, along = _partners(np.lexsort((second, x, y))), _partners(np.lexsort((is_lower, y, x)))
    rings, is_new = [], np.ones(len(x), bool)
    for start in np.lexsort((x, y)).tolist():
        corners = []
        while is_new[start]:
            end = int(across[start])
            corners += [start, end]
            is_new[[start, end]] = False
            start = int(along[end])
        if corners:
            rings.append(np.stack([x[corners], y[corners]], axis=1).astype(np.float64))
    return rings


def _partners(order: np.ndarray) -> np.ndarray:
    """Return the corner at the other end of each corner's line. Lines join each two corners of `order`."""
    partners = np.empty_like(order)
    partners[order[::2]], partners[order[1::2]] = order[1::2], order[::2]
    return partners


def moved(line: Ring, region: Region) -> Ring:
    """Return a line in a region's pixels as one in the image."""
    return np.asarray(line + (region.left, region.top))  # noqa: RUF005 # adds numbers


def join_rings(rings: list[Ring]) -> Ring:
    """Return one closed line that covers what all lines together cover by the rule of even and odd.

    It goes to each line and back on the same straight way, from the nearest corner of the lines before.
    """
    points = np.concatenate(rings)
    starts = np.cumsum([0, *map(len, rings)])
    branches: dict[int, list[int]] = {}  # numbers of lines by the corner from which they are reached
    for number in range(1, len(rings)):
        before = points[: starts[number]]
        nearest = int(((before - rings[number][0]) ** 2).sum(axis=1).argmin())
        branches.setdefault(nearest, []).append(number)
    walk: list[int] = []
    waiting = list(range(starts[1] - 1, -1, -1))  # corners still to visit, the next one last
    while waiting:
        corner = waiting.pop()
        walk.append(corner)
        for number in branches.pop(corner, []):
            first, end = int(starts[number]), int(starts[number + 1])
            waiting += [corner, first, *range(end - 1, first - 1, -1)]
    return np.asarray(points[walk])


def trace_centres(pixels: Pixels) -> Ring:
    """Return the closed line through the centres of a connected region's outer pixels, of three points or more."""
    contours, _ = cv2.findContours(pixels.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = contours[0][:, 0, :].astype(np.float64) + 0.5
    return np.concatenate([points, np.repeat(points[-1:], max(0, 3 - len(points)), axis=0)])
