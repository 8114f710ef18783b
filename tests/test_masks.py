"""Boundaries and objects of predicted masks, on masks whose figures can be worked out by hand."""

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


def test_boundary_of_shifted_squares() -> None:
    """In 100 × 100 pixels a boundary is 3 wide; a square of 40 has 40² - 34² of its own."""
    assert round(BOUNDARY * np.hypot(100, 100)) == 3
    truth, predicted = square(10, 10, 40), square(10, 12, 40)
    inner = square(13, 13, 34), square(13, 15, 34)
    edges = [whole & ~part & 1 for whole, part in zip((truth, predicted), inner, strict=True)]
    expected = (edges[0] & edges[1]).sum() / (edges[0] | edges[1]).sum()
    assert tally_of(truth, predicted).boundary_iou()[1] == pytest.approx(expected)
    assert tally_of(truth, truth).boundary_iou()[1] == 1
    assert np.isnan(tally_of(truth * 0, truth * 0).boundary_iou()[1])
    whole = np.ones((100, 100))
    assert tally_of(whole, whole).boundary_union[1] == 100**2 - 94**2, "the image's border is a boundary"


def test_objects_by_size() -> None:
    truth = square(0, 0, 10) + square(20, 20, 40)
    truth = np.pad(truth, ((0, 120), (0, 120)))
    truth[100:210, 100:210] = 1
    predicted = truth.copy()
    predicted[0:6, 0:10] = 0  # 40 of the small one's 100 pixels are left
    predicted[20:40, 20:60] = 0  # half of the medium one
    predicted[0:5, 150:155] = 1  # invented
    sizes = tally_of(truth, predicted).by_size()
    assert sizes["small"] == {"under": 1024, "objects": 1, "recall": 0.0, "predicted": 3, "precision": round(2 / 3, 6)}
    assert sizes["medium"] == {"under": 9216, "objects": 1, "recall": 1.0, "predicted": 0, "precision": None}
    assert sizes["large"] == {"under": None, "objects": 1, "recall": 1.0, "predicted": 1, "precision": 1.0}


def test_ignored_pixels_count_for_nothing() -> None:
    truth, predicted = square(10, 10, 30), square(10, 10, 30)
    truth[60:, :], predicted[60:90, 20:50] = IGNORED, 1
    sizes = tally_of(truth, predicted).by_size()
    assert (sizes["small"]["predicted"], sizes["small"]["precision"]) == (1, 1.0)
    assert tally_of(truth, predicted).boundary_iou()[1] == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 70), st.integers(5, 70))
def test_boundaries_agree_with_a_distance_transform(seed: int, height: int, width: int) -> None:
    """A pixel is near the edge where the chessboard distance to what is outside is within reach."""
    draw = np.random.default_rng(seed)
    masks = [ndimage.gaussian_filter(draw.random((height, width)), 3) > 0.5 for _ in range(2)]
    reach = max(1, round(BOUNDARY * np.hypot(height, width)))
    edges = []
    for mask in masks:
        distance = ndimage.distance_transform_cdt(np.pad(mask, 1), "chessboard")[1:-1, 1:-1]
        edges.append(mask & (distance <= reach))
    tally = tally_of(*masks)
    assert tally.boundary_intersection[1] == (edges[0] & edges[1]).sum()
    assert tally.boundary_union[1] == (edges[0] | edges[1]).sum()
