"""Likely wrong masks of a segmentation, from the predictions of its trained model."""

from dataclasses import dataclass

import cv2
import numpy as np

from darkroom.common.numbers import DIGITS
from darkroom.datasets.pairs import IGNORED

BOUNDARY_WIDTH = 7  # pixels: regions that are narrower are a matter of boundaries
WRONG_REGION = 0.7  # score of a region from which on the mask is reported
FARTHEST = 20.0  # pixels: the distance of a boundary that the prediction lacks
FAR_BOUNDARY = 2.5  # pixels: the median distance from which on boundaries are reported
TIMES_MEDIAN = 2.0  # and how many times that of the split's median image


@dataclass(frozen=True)
class MaskScore:
    """How a mask compares with its prediction.

    Attributes:
        region: how sure it is that a region is wrong, from 0 to 1.
        given: the class of the mask in that region.
        suggested: the predicted class there.
        boundary: median distance from the boundaries of the mask to those of the prediction, in pixels.
    """

    region: float
    given: int
    suggested: int
    boundary: float


@dataclass(frozen=True)
class MaskError:
    """A mask that is likely wrong.

    Attributes:
        index: of the image.
        kind: mask_error: a region has the wrong class. boundary_error: boundaries lie off.
        score: how sure the finding is: of a region from 0 to 1, of boundaries in pixels.
        given: of a region, its class in the mask.
        suggested: of a region, its predicted class.
    """

    index: int
    kind: str
    score: float
    given: int = 0
    suggested: int = 0


def score_mask(probabilities: np.ndarray, mask: np.ndarray) -> MaskScore:
    """Return how a mask compares with the predicted probabilities.

    Args:
        probabilities: of the classes, float32 (classes, h, w).
        mask: class ids, uint8 (h, w), `IGNORED` where no class is known.
    """
    counted = mask != IGNORED
    if not counted.any():
        return MaskScore(0.0, 0, 0, 0.0)
    given = np.where(counted, mask, 0)
    predicted = probabilities.argmax(0).astype(np.uint8)
    of_given = np.take_along_axis(probabilities, given[None].astype(np.int64), 0)[0]
    margin = np.where(counted, probabilities.max(0) - of_given, 0).astype(np.float32)
    region, of_mask, suggested = _worst_region(given, predicted, counted, margin)
    return MaskScore(round(region, DIGITS), of_mask, suggested, _boundary(given, predicted, counted))


def _worst_region(
    given: np.ndarray, predicted: np.ndarray, counted: np.ndarray, margin: np.ndarray
) -> tuple[float, int, int]:
    """Return score, class in the mask and predicted class of the region that is most surely wrong.

    A region is connected and has one class in the mask and another one in the prediction, without its narrow parts.
    Its score is the mean margin of the predicted probability over that of the mask's class, times the region's share
    of the object in the mask or in the prediction to which it belongs, whichever share is larger.

    Args:
        given: class ids of the mask, uint8 (h, w).
        predicted: likewise of the prediction.
        counted: bool (h, w), false where the mask has no class.
        margin: of the probabilities, float32 (h, w).
    """
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (BOUNDARY_WIDTH, BOUNDARY_WIDTH))
    worst = 0.0, 0, 0
    differs = counted & (given != predicted)
    for pair in np.unique(given[differs].astype(np.int64) * 256 + predicted[differs]):
        of_mask, suggested = divmod(int(pair), 256)
        inside = (differs & (given == of_mask) & (predicted == suggested)).astype(np.uint8)
        core = cv2.morphologyEx(inside, cv2.MORPH_OPEN, disc, borderType=cv2.BORDER_REPLICATE)
        count, regions = cv2.connectedComponents(core)
        objects = [
            cv2.connectedComponentsWithStats((ids == one).astype(np.uint8))
            for ids, one in ((given, of_mask), (predicted, suggested))
        ]
        for number in range(1, count):
            region = regions == number
            size, (row, column) = int(region.sum()), np.argwhere(region)[0]
            areas = [int(statistics[labels[row, column], cv2.CC_STAT_AREA]) for _, labels, statistics, _ in objects]
            score = float(margin[region].mean(dtype=np.float64)) * size / min(areas)
            worst = max(worst, (score, of_mask, suggested))
    return worst


def _boundary(given: np.ndarray, predicted: np.ndarray, counted: np.ndarray) -> float:
    """Return the median distance from the mask's boundaries to those of the prediction, in pixels, rounded."""
    own = _edges(given) & counted
    if not own.any():
        return 0.0
    others = _edges(predicted)
    if not others.any():
        return FARTHEST
    distances = cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return round(float(np.median(np.minimum(distances[own], FARTHEST))), DIGITS)


def _edges(ids: np.ndarray) -> np.ndarray:
    """Return where a class begins, bool (h, w): pixels that differ from the one to the right or below."""
    edges = np.zeros(ids.shape, bool)
    edges[:, :-1] |= ids[:, 1:] != ids[:, :-1]
    edges[:-1] |= ids[1:] != ids[:-1]
    return edges


def find_mask_errors(scores: list[MaskScore]) -> list[MaskError]:
    """Return the masks of a split that are likely wrong, the most likely ones first: regions, then boundaries.

    Args:
        scores: of the masks of a split, as `score_mask` returns them.
    """
    if not scores:
        return []
    far = max(FAR_BOUNDARY, TIMES_MEDIAN * float(np.median([score.boundary for score in scores])))
    found = []
    for index, score in enumerate(scores):
        if score.region >= WRONG_REGION:
            found.append(MaskError(index, "mask_error", score.region, score.given, score.suggested))
        elif score.boundary >= far:
            found.append(MaskError(index, "boundary_error", score.boundary))
    return sorted(found, key=lambda error: (error.kind != "mask_error", -error.score, error.index))
