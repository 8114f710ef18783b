"""Boundary IoU and the recall and precision of objects, on masks whose metrics can be computed by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from darkroom.datasets.pairs import IGNORED
from darkroom.evaluation.masks import BOUNDARY, MaskTally


def tally_of(truth: np.ndarray, predicted: np.ndarray, classes: int = 2) -> MaskTally:
    tally = MaskTally(classes)
    tally.add(truth.astype(np.uint8), predicted.astype(np.uint8))
    return tally


def square(top: int, left: int, side: int, size: int = 100) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[top : top + side, left : left + side] = 1
    return mask


def test_boundary_iou_of_shifted_squares() -> None:
    """In an image of 100 × 100 pixels the boundary is 3 pixels wide; that of a 40-pixel square has 40² - 34² pixels."""
    assert round(BOUNDARY * np.hypot(100, 100)) == 3
    truth, predicted = square(10, 10, 40), square(10, 12, 40)
    inner = square(13, 13, 34), square(13, 15, 34)
    edges = [square_mask & ~interior & 1 for square_mask, interior in zip((truth, predicted), inner, strict=True)]
    expected = (edges[0] & edges[1]).sum() / (edges[0] | edges[1]).sum()
    assert tally_of(truth, predicted).boundary_iou()[1] == pytest.approx(expected)
    assert tally_of(truth, truth).boundary_iou()[1] == 1
    assert np.isnan(tally_of(truth * 0, truth * 0).boundary_iou()[1])
    full = np.ones((100, 100))
    assert tally_of(full, full).boundary_union[1] == 100**2 - 94**2, "the border of the image counts as a boundary"


def test_recall_and_precision_of_objects_by_size() -> None:
    truth = square(0, 0, 10) + square(20, 20, 40)
    truth = np.pad(truth, ((0, 120), (0, 120)))
    truth[100:210, 100:210] = 1
    predicted = truth.copy()
    predicted[0:6, 0:10] = 0  # 40 of the 100 pixels of the small object are still predicted
    predicted[20:40, 20:60] = 0  # half of the medium object is missed
    predicted[0:5, 150:155] = 1  # a predicted object that does not exist
    sizes = tally_of(truth, predicted).by_size()
    assert sizes["small"] == {"under": 1024, "objects": 1, "recall": 0.0, "predicted": 3, "precision": round(2 / 3, 6)}
    assert sizes["medium"] == {"under": 9216, "objects": 1, "recall": 1.0, "predicted": 0, "precision": None}
    assert sizes["large"] == {"under": None, "objects": 1, "recall": 1.0, "predicted": 1, "precision": 1.0}


def test_ignored_pixels_are_not_counted() -> None:
    truth, predicted = square(10, 10, 30), square(10, 10, 30)
    truth[60:, :], predicted[60:90, 20:50] = IGNORED, 1
    sizes = tally_of(truth, predicted).by_size()
    assert (sizes["small"]["predicted"], sizes["small"]["precision"]) == (1, 1.0)
    assert tally_of(truth, predicted).boundary_iou()[1] == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 70), st.integers(5, 70))
def test_boundaries_agree_with_a_distance_transform(seed: int, height: int, width: int) -> None:
    """A pixel belongs to the boundary if its chessboard distance to the outside is at most the boundary's width."""
    draw = np.random.default_rng(seed)
    masks = [ndimage.gaussian_filter(draw.random((height, width)), 3) > 0.5 for _ in range(2)]
    boundary_width = max(1, round(BOUNDARY * np.hypot(height, width)))
    edges = []
    for mask in masks:
        distance = ndimage.distance_transform_cdt(np.pad(mask, 1), "chessboard")[1:-1, 1:-1]
        edges.append(mask & (distance <= boundary_width))
    tally = tally_of(*masks)
    assert tally.boundary_intersection[1] == (edges[0] & edges[1]).sum()
    assert tally.boundary_union[1] == (edges[0] | edges[1]).sum()
