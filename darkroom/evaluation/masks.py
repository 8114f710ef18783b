"""What pixel counts do not tell of predicted masks: their boundaries, and the objects that they find or invent."""

import cv2
import numpy as np

from darkroom.datasets.pairs import IGNORED

BOUNDARY = 0.02  # of an image's diagonal: how far from its edge a region's boundary reaches
SIZES = ("small", "medium", "large")  # of objects
LIMITS = (32**2, 96**2)  # pixels from which they are medium and large, as in COCO's evaluation
FOUND = 0.5  # share of an object's pixels that must be right


class MaskTally:
    """Counts over the masks of a test split, for the classes 0 to `classes` - 1."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.boundary_shared = np.zeros(classes, np.int64)
        self.boundary_all = np.zeros(classes, np.int64)
        self.objects = {size: {"true": 0, "found": 0, "predicted": 0, "right": 0} for size in SIZES}

    def add(self, truth: np.ndarray, predicted: np.ndarray) -> None:
        """Count a pair of masks, uint8 (h, w); pixels that are `IGNORED` in `truth` count for nothing."""
        predicted = np.where(truth == IGNORED, IGNORED, predicted).astype(np.uint8)
        reach = max(1, round(BOUNDARY * np.hypot(*truth.shape)))
        for value in range(self.classes):
            true_region, region = truth == value, predicted == value
            if not (true_region.any() or region.any()):
                continue
            edges = _boundary(true_region, reach), _boundary(region, reach)
            self.boundary_shared[value] += np.count_nonzero(edges[0] & edges[1])
            self.boundary_all[value] += np.count_nonzero(edges[0] | edges[1])
            if value:
                self._count_objects(true_region, region, "true", "found")
                self._count_objects(region, true_region, "predicted", "right")

    def _count_objects(self, region: np.ndarray, other: np.ndarray, seen: str, confirmed: str) -> None:
        """Count the objects of `region`, and those that lie in `other` for `FOUND` of their pixels at least."""
        count, numbers = cv2.connectedComponents(region.astype(np.uint8), connectivity=8)
        pixels = np.bincount(numbers.ravel(), minlength=count)[1:]
        shared = np.bincount(numbers[other], minlength=count)[1:]
        sizes = np.digitize(pixels, LIMITS)
        for number, size in enumerate(SIZES):
            inside = sizes == number
            self.objects[size][seen] += int(inside.sum())
            self.objects[size][confirmed] += int((shared[inside] >= FOUND * pixels[inside]).sum())

    def boundary_iou(self) -> np.ndarray:
        """Boundary IoU of each class (Cheng et al., arXiv:2103.16562), float (classes,); NaN where absent."""
        with np.errstate(invalid="ignore"):
            return self.boundary_shared / self.boundary_all

    def by_size(self) -> dict[str, dict[str, int | float | None]]:
        """Of small (under 32² pixels), medium (under 96²) and large objects of all classes but the background.

        An object is a region that hangs together, corners counting. Given are the limit in pixels, how many there
        are, the share of them that is found, how many are predicted, and the share of these that is right.
        """
        return {
            size: {
                "under": under,
                "objects": counts["true"],
                "recall": _share(counts["found"], counts["true"]),
                "predicted": counts["predicted"],
                "precision": _share(counts["right"], counts["predicted"]),
            }
            for (size, counts), under in zip(self.objects.items(), (*LIMITS, None), strict=True)
        }


def _boundary(region: np.ndarray, reach: int) -> np.ndarray:
    """The pixels of a bool region (h, w) that are at most `reach` steps from a pixel that is not in it.

    What lies beyond the image's border is not in it.
    """
    padded = cv2.copyMakeBorder(region.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=reach)[1:-1, 1:-1]
    return region & (inner == 0)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
