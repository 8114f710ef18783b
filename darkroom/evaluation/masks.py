"""Metrics of predicted masks beyond pixel counts: of boundaries and of objects."""

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.common.numbers import DIGITS
from darkroom.datasets.pairs import IGNORED

BOUNDARY = 0.02  # width of a region's boundary, as a fraction of the image's diagonal
SIZES = ("small", "medium", "large")  # of objects
LIMITS = (32**2, 96**2)  # pixels from which objects are medium and large, as in COCO's evaluation
MIN_OVERLAP = 0.5  # fraction of an object's pixels that must overlap for a match


class MaskTally:
    """Counts of boundary pixels and objects over the masks of a split.

    Args:
        classes: their number.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.boundary_intersection = np.zeros(classes, np.int64)
        self.boundary_union = np.zeros(classes, np.int64)
        self.objects = {size: {"true": 0, "found": 0, "predicted": 0, "right": 0} for size in SIZES}

    def add(self, truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> None:
        """Count a pair of masks, uint8 (h, w). Pixels that are `IGNORED` in `truth` do not count."""
        predicted = np.where(truth == IGNORED, IGNORED, predicted).astype(np.uint8)
        width = max(1, round(BOUNDARY * np.hypot(*truth.shape)))
        for value in range(self.classes):
            true_region, region = truth == value, predicted == value
            if not (true_region.any() or region.any()):
                continue
            edges = _boundary(true_region, width), _boundary(region, width)
            self.boundary_intersection[value] += np.count_nonzero(edges[0] & edges[1])
            self.boundary_union[value] += np.count_nonzero(edges[0] | edges[1])
            if value:
                self._count_objects(true_region, region, "true", "found")
                self._count_objects(region, true_region, "predicted", "right")

    def _count_objects(self, region: NDArray[np.bool_], other: NDArray[np.bool_], key: str, matched_key: str) -> None:
        """Count the objects of a region, and those that overlap another region by `MIN_OVERLAP` of their pixels.

        Args:
            region: of one class, bool (h, w).
            other: likewise.
            key: of the count of objects.
            matched_key: of the count of those that overlap.
        """
        count, numbers = cv2.connectedComponents(region.astype(np.uint8), connectivity=8)
        pixels = np.bincount(numbers.ravel(), minlength=count)[1:]
        overlap = np.bincount(numbers[other], minlength=count)[1:]
        sizes = np.digitize(pixels, LIMITS)
        for number, size in enumerate(SIZES):
            is_size = sizes == number
            self.objects[size][key] += int(is_size.sum())
            self.objects[size][matched_key] += int((overlap[is_size] >= MIN_OVERLAP * pixels[is_size]).sum())

    def boundary_iou(self) -> NDArray[np.float64]:
        """Return the boundary IoU of each class (Cheng et al., arXiv:2103.16562).

        Returns:
            float64 (classes,); NaN where a class occurs nowhere.
        """
        with np.errstate(invalid="ignore"):
            iou: NDArray[np.float64] = self.boundary_intersection / self.boundary_union
        return iou

    def by_size(self) -> dict[str, dict[str, int | float | None]]:
        """Return recall and precision of objects by size: small, medium and large.

        An object is a connected region of one class other than the background. Pixels that touch at a corner are
        connected.

        Returns:
            For each size `under`, the pixels that its objects stay below; `objects`, the number of true objects;
            `recall`, the fraction of these that is found; `predicted`, the number of predicted objects; and
            `precision`, the fraction of these that is correct. None: no limit, or no objects.
        """
        return {
            size: {
                "under": under,
                "objects": counts["true"],
                "recall": _fraction(counts["found"], counts["true"]),
                "predicted": counts["predicted"],
                "precision": _fraction(counts["right"], counts["predicted"]),
            }
            for (size, counts), under in zip(self.objects.items(), (*LIMITS, None), strict=True)
        }


def _boundary(region: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Return the boundary of a region: its pixels at most `width` steps from a pixel outside of it; bool (h, w).

    All that lies beyond the image's border is outside of the region.
    """
    padded = cv2.copyMakeBorder(region.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)[1:-1, 1:-1]
    boundary: NDArray[np.bool_] = region & (inner == 0)
    return boundary


def _fraction(part: int, whole: int) -> float | None:
    return round(part / whole, DIGITS) if whole else None
