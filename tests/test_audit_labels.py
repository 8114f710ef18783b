"""The search for wrong labels, outliers and wrong masks."""

import cv2
import numpy as np
import pytest

from darkroom.audit import cross_validation
from darkroom.audit.cross_validation import cross_validated_logits, folds_of
from darkroom.audit.labels import find_label_errors
from darkroom.audit.masks import MaskScore, find_mask_errors, score_mask
from darkroom.audit.outliers import find_outliers
from darkroom.audit.thumbnails import Thumbnails
from darkroom.sources.datasets.cifar10 import DIFFICULTY
from darkroom.sources.sample.pictures import draw_pictures

CLASSES, IMAGES = 10, 4000


def draw_logits(strength: float = 4.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return logits, float32 (n, classes), of a model that is sometimes wrong, and true classes, int64 (n,)."""
    draw = np.random.default_rng(seed)
    classes = draw.integers(0, CLASSES, IMAGES)
    logits = draw.normal(size=(IMAGES, CLASSES))
    logits[np.arange(IMAGES), classes] += strength * draw.random(IMAGES) ** 0.5
    return logits.astype(np.float32), classes


def swap_labels(classes: np.ndarray, pairs: bool, share: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Return labels of which a share is wrong, and where, bool (n,). With pairs, a class is taken for its neighbour."""
    draw = np.random.default_rng(1)
    wrong = np.zeros(len(classes), bool)
    wrong[draw.choice(len(classes), round(share * len(classes)), replace=False)] = True
    steps = 1 if pairs else draw.integers(1, CLASSES, len(classes))
    return np.where(wrong, (classes + steps) % CLASSES, classes), wrong


def precision_and_recall(logits: np.ndarray, labels: np.ndarray, wrong: np.ndarray) -> tuple[float, float]:
    """Return precision and recall of the label errors that are found."""
    found = [error.index for error in find_label_errors(logits, labels)]
    correct = int(wrong[found].sum())
    return correct / max(1, len(found)), correct / int(wrong.sum())


# Precision and recall of cleanlab 2.9.0 on the logits of the test below, measured once: find_label_issues by default,
# and with filter_by="low_self_confidence", which has the best F1 of all.
CLEANLAB = {False: ((0.283, 0.895), (0.367, 0.920)), True: ((0.290, 0.910), (0.366, 0.915))}


@pytest.mark.parametrize("pairs", [False, True])
def test_of_an_overconfident_model_wrong_labels_are_found_more_precisely_than_by_cleanlab(pairs: bool) -> None:
    logits, classes = draw_logits()
    labels, wrong = swap_labels(classes, pairs)
    precision, recall = precision_and_recall(3 * logits, labels, wrong)
    assert precision > 0.5
    assert recall > 0.75
    f1 = 2 * precision * recall / (precision + recall)
    for others_precision, others_recall in CLEANLAB[pairs]:
        assert precision > others_precision
        assert f1 > 2 * others_precision * others_recall / (others_precision + others_recall)
    order = [error.index for error in find_label_errors(logits, labels)]
    assert wrong[order[:50]].mean() > wrong[order[-50:]].mean()


def test_the_suggested_class_is_the_true_one() -> None:
    logits, classes = draw_logits(strength=8)
    labels, wrong = swap_labels(classes, pairs=False)
    found = [error for error in find_label_errors(logits, labels) if wrong[error.index]]
    assert np.mean([error.suggested == classes[error.index] for error in found]) > 0.95


@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 100.0])
def test_a_useless_model_finds_nothing(scale: float) -> None:
    draw = np.random.default_rng(2)
    logits = (scale * draw.normal(size=(IMAGES, CLASSES))).astype(np.float32)
    assert len(find_label_errors(logits, draw.integers(0, CLASSES, IMAGES))) < 5


def test_clean_labels_have_hardly_any_finding() -> None:
    logits, classes = draw_logits()
    assert len(find_label_errors(logits, classes)) < 0.01 * IMAGES


def test_a_perfect_model_finds_exactly_the_wrong_labels() -> None:
    classes = np.arange(200) % 4
    labels = classes.copy()
    labels[[17, 60]] = (labels[[17, 60]] + 1) % 4
    logits = (50 * np.eye(6)[classes]).astype(np.float32)  # classes 4 and 5 have no image
    assert [error.index for error in find_label_errors(logits, labels)] == [17, 60]
    assert find_label_errors(logits, classes) == []


def test_degenerate_inputs_of_label_errors() -> None:
    assert find_label_errors(np.zeros((0, 3), np.float32), np.zeros(0, np.int64)) == []
    assert find_label_errors(np.zeros((5, 1), np.float32), np.zeros(5, np.int64)) == []
    assert find_label_errors(np.zeros((1, 3), np.float32), np.zeros(1, np.int64)) == []


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let networks train for few steps."""
    monkeypatch.setattr(cross_validation, "STEPS", 40)


def striped(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy images of stripes, uint8 (n, 20, 24, 3), and whether they are vertical, int64 (n,)."""
    draw = np.random.default_rng(3)
    labels = np.arange(count) % 2
    images = draw.integers(0, 60, (count, 20, 24, 3))
    for image, label, phase in zip(images, labels, draw.integers(0, 4, count), strict=True):
        rows = np.arange(24 if label else 20) + phase
        image += 150 * (rows // 2 % 2 == 0)[None, :, None] if label else 150 * (rows // 2 % 2 == 0)[:, None, None]
    return images.astype(np.uint8), labels


@pytest.mark.usefixtures("short")
def test_cross_validation_finds_planted_labels_with_the_same_bits() -> None:
    images, classes = striped(240)
    labels = classes.copy()
    labels[[5, 50, 111]] = 1 - labels[[5, 50, 111]]
    logits = cross_validated_logits(images, labels, 2, seed=0)
    again = cross_validated_logits(images, labels, 2, seed=0)
    assert logits.tobytes() == again.tobytes()
    assert logits.dtype == np.float32
    assert {error.index for error in find_label_errors(logits, labels)} == {5, 50, 111}


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("count", [0, 1, 3])
def test_cross_validation_of_hardly_any_images(count: int) -> None:
    images, labels = striped(count)
    logits = cross_validated_logits(images, labels, 2, seed=0)
    assert logits.shape == (count, 2)


def test_folds_share_each_class_evenly() -> None:
    labels = np.repeat([0, 1, 2], [50, 7, 1])
    folds = folds_of(labels, seed=0)
    for label in (0, 1):
        counts = np.bincount(folds[labels == label], minlength=2)
        assert abs(counts[0] - counts[1]) <= 1


def thumbnails(pixels: np.ndarray) -> Thumbnails:
    return Thumbnails(pixels, [str(n) for n in range(len(pixels))], np.full((len(pixels), 2), 32))


def test_images_of_another_kind_are_outliers() -> None:
    draw = np.random.default_rng(4)
    ordinary = np.stack(draw_pictures(["fish", "house", "key", "star"] * 100, 32, DIFFICULTY, "drawing"))
    noise = draw.integers(0, 256, (2, 32, 32, 3), np.uint8)
    digits = np.zeros((2, 32, 32, 3), np.uint8)
    digits[0, 8:24, 14:18], digits[1, 8:12, 8:24] = 255, 255
    train = np.concatenate([ordinary[:300], noise, digits])
    found = find_outliers({"train": thumbnails(train), "test": thumbnails(ordinary[300:])})
    assert {(one.place.split, one.place.index) for one in found} == {("train", n) for n in (300, 301, 302, 303)}
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_few_or_equal_images_have_no_outliers() -> None:
    draw = np.random.default_rng(5)
    assert find_outliers({"train": thumbnails(draw.integers(0, 256, (200, 32, 32, 3), np.uint8))}) == []
    assert find_outliers({"train": thumbnails(np.full((400, 32, 32, 3), 90, np.uint8))}) == []
    assert find_outliers({}) == []


def predicted(mask: np.ndarray) -> np.ndarray:
    """Return confident probabilities of a mask's classes, float32 (3, h, w)."""
    return (0.02 + 0.94 * np.eye(3, dtype=np.float32)[mask]).transpose(2, 0, 1)


def disc(centre: tuple[int, int] = (48, 48), radius: int = 20, label: int = 1) -> np.ndarray:
    """Return a mask with a disc, uint8 (96, 96)."""
    return cv2.circle(np.zeros((96, 96), np.uint8), centre, radius, label, -1)


@pytest.mark.parametrize(
    ("mask", "kind"),
    [
        (disc(label=2), "mask_error"),  # swapped class
        (disc(radius=0, label=0), "mask_error"),  # empty
        (disc((20, 20)), "mask_error"),  # shifted
        (disc(radius=25), "boundary_error"),
        (disc(radius=15), "boundary_error"),
        (disc(radius=21), None),
        (np.where(disc() == 1, 255, 0).astype(np.uint8), None),  # ignored
        (np.full((96, 96), 255, np.uint8), None),
    ],
)
def test_wrong_masks_are_told_from_wrong_boundaries(mask: np.ndarray, kind: str | None) -> None:
    probabilities = predicted(disc())
    scores = [score_mask(probabilities, disc()) for _ in range(9)] + [score_mask(probabilities, mask)]
    found = find_mask_errors(scores)
    assert [(error.index, error.kind) for error in found] == ([(9, kind)] if kind else [])


def test_the_worst_mask_comes_first_with_its_classes() -> None:
    probabilities = predicted(disc())
    sure, unsure = score_mask(probabilities, disc(label=2)), score_mask(0.8 * probabilities + 0.2 / 3, disc(label=2))
    found = find_mask_errors([unsure, sure, MaskScore(0, 0, 0, 0)])
    assert [(error.index, error.given, error.suggested) for error in found] == [(1, 2, 1), (0, 2, 1)]
    assert find_mask_errors([]) == []
