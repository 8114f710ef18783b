"""What the stage evaluate makes of a model: views, windows, calibration, and the figures of it."""

from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from small_runs import (
    CPU,
    DATA,
    MODEL,
    classification,
    draw_figures,
    evaluated,
    prepare_classes,
    prepare_scenes,
    segmentation,
    trained,
)  # fmt: skip
from torch import nn

from darkroom.batches.whole import whole_split
from darkroom.common.errors import UserError
from darkroom.common.parameters import check
from darkroom.datasets.description import Description
from darkroom.datasets.pairs import IGNORED, image_paths, mask_path, read_mask
from darkroom.evaluation.classifier import calibration_bins, calibration_error, class_metrics
from darkroom.evaluation.inference import VIEWS, logits_of, mean_over_views
from darkroom.evaluation.parameters import EvaluateParameters
from darkroom.figures.classes import draw_confused_pairs
from darkroom.figures.confidence import draw_ranks
from darkroom.figures.pictures import draw_confident_errors
from darkroom.models.model_file import Card, load_model
from darkroom.models.windows import WINDOWS_AT_ONCE, windowed_logits


def card_of(kind: str, size: int) -> Card:
    name = {"classification": "simple_cnn", "segmentation": "unet"}[kind]
    return Card(kind, {"name": name}, ["a", "b"], [size, size], [0.5] * 3, [0.25] * 3, "fp32")


@pytest.mark.parametrize("height, width", [(32, 32), (48, 48), (33, 97), (20, 100)])
def test_windows_give_each_pixel_its_own_answer(height: int, width: int) -> None:
    """What looks at single pixels answers the same, however the image is shown to it."""
    torch.manual_seed(0)
    model, images = nn.Conv2d(3, 2, 1), torch.randn(2, 3, height, width)
    assert torch.allclose(logits_of(model, card_of("segmentation", 32), images), model(images), atol=1e-6)


def test_windows_are_no_larger_than_the_crops() -> None:
    seen = []

    class Watching(nn.Conv2d):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(tuple(images.shape))
            return super().forward(images)

    logits_of(Watching(3, 2, 1), card_of("segmentation", 32), torch.zeros(1, 3, 64, 128))
    assert {shape[2:] for shape in seen} == {(32, 32)}
    assert sum(shape[0] for shape in seen) == 3 * 7  # half of them overlapping, along either side


def test_windows_of_several_images_go_through_the_network_together() -> None:
    """The batches are full, but for the last one of each size; an image's answer does not depend on the others."""
    seen = []

    def network(images: torch.Tensor) -> torch.Tensor:
        seen.append((len(images), images.shape[2]))
        return images[:, :2] * torch.linspace(1, 2, images.shape[3])  # differs by the place in the window

    sizes = [(2, 20, 70), (1, 20, 70), (1, 96, 32), (1, 32, 96), (1, 32, 32), (3, 32, 32)]
    draw = torch.Generator().manual_seed(0)
    batches = [torch.randn(count, 3, height, width, generator=draw) for count, height, width in sizes]
    alone = [next(windowed_logits(network, [images], (32, 32))) for images in batches]
    seen.clear()
    taken = []
    for number, logits in enumerate(windowed_logits(network, (taken.append(1) or one for one in batches), (32, 32))):
        assert logits.dtype == torch.float32 and torch.equal(logits, alone[number])
        assert len(taken) - number <= WINDOWS_AT_ONCE
    assert number == len(batches) - 1
    assert seen == [(8, 20), (4, 20), (8, 32), (6, 32)]


@pytest.mark.parametrize("views", VIEWS)
def test_views_are_those_of_a_mirror_and_of_shifts(views: str) -> None:
    class Corner(nn.Module):
        """The value of the pixel at the upper left."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images[:, :1, 0, 0]

    images = torch.arange(16.0).reshape(1, 1, 4, 4).repeat(1, 3, 1, 1)
    # Reflected, the pixel at (-1, -1) is that at (1, 1): what comes to the corner when all goes right and down.
    corners = {"flip": [0, 3], "flip_shift": [0, 5, 5, 3, 6, 6]}[views]
    card = card_of("classification", 4)
    own = logits_of(Corner(), card, images)
    assert mean_over_views(Corner(), card, images, own, views).item() == pytest.approx(np.mean(corners))


def test_views_are_reported_besides(folder: Path) -> None:
    prepare_classes()
    trained(classification(epochs=2))
    plain, viewed = evaluated(), evaluated(tta="flip")
    model, _ = load_model(MODEL, CPU)
    [(images, targets)] = whole_split(DATA, Description.read(DATA), "test", CPU)
    with torch.inference_mode():
        expected = (model(images) + model(images.flip(3))).argmax(1) == targets
    assert viewed.pop("tta_accuracy") == pytest.approx(float(expected.float().mean()))
    assert viewed.pop("intervals").keys() - plain.pop("intervals").keys() == {"tta_accuracy"}
    assert viewed == plain
    with pytest.raises(UserError, match="evaluate.tta = flip is not for segmentation"):
        check(EvaluateParameters, {"kind": "segmentation", "evaluate": {"tta": "flip"}}, "tasks.own")


def test_calibration_error_against_its_definition() -> None:
    rng = np.random.default_rng(0)
    confidence = np.concatenate([rng.random(500), [0.0, 1.0, 0.2, 0.4]])
    is_right = rng.random(504) < confidence**2
    expected = 0.0
    edges = np.linspace(0, 1, 16)
    for low, high in pairwise(edges):
        inside = (confidence > low) & (confidence <= high) | ((low == 0) & (confidence == 0))
        if inside.any():
            expected += inside.mean() * abs(is_right[inside].mean() - confidence[inside].mean())
    bins = calibration_bins(confidence, is_right)
    assert calibration_error(bins) == pytest.approx(expected)
    assert sum(entry["images"] for entry in bins) == 504
    assert calibration_error(calibration_bins(np.full(10, 0.7), np.arange(10) < 7)) == pytest.approx(0)


def test_a_class_that_is_never_there_or_never_predicted_has_zeros() -> None:
    figures = class_metrics(np.array([[3, 0, 1], [2, 0, 0], [0, 0, 0]]))
    assert figures["precision"].tolist() == [0.6, 0, 0]
    assert figures["recall"].tolist() == [0.75, 0, 0]
    assert figures["f1"].tolist() == [pytest.approx(2 * 0.6 * 0.75 / 1.35), 0, 0]


def test_figures_of_a_model_without_errors_can_be_drawn(folder: Path) -> None:
    images = np.zeros((4, 8, 8, 3), np.uint8)
    table = pd.DataFrame({"true": list("abab"), "predicted": list("abab"), "confidence": [1.0] * 4})
    draw_confident_errors(images, table, Path("errors.png"))
    draw_confused_pairs(np.eye(2, dtype=int), ["a", "b"], Path("pairs.png"))
    draw_ranks(np.ones(4, int), 2, Path("ranks.png"))
    for name in ("errors", "pairs", "ranks"):
        assert plt.imread(f"{name}.png").std() > 0


def test_the_most_confident_errors_come_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr("darkroom.figures.pictures.save", lambda figure, _: shown.append(figure))
    table = pd.DataFrame({"true": list("aabb"), "predicted": list("bbba"), "confidence": [0.6, 0.9, 1.0, 0.7]})
    draw_confident_errors(np.zeros((4, 8, 8, 3), np.uint8), table, Path("errors.png"))
    titles = [axis.get_title().splitlines() for axis in shown[0].axes if axis.get_title()]
    assert titles == [["a", "predicted as b", "90%"], ["b", "predicted as a", "70%"], ["a", "predicted as b", "60%"]]


def test_an_image_in_which_nothing_counts_has_no_figure_and_stops_nothing(folder: Path) -> None:
    prepare_scenes()
    empty = image_paths(DATA, "test")[0].stem
    path = mask_path(DATA, "test", empty)
    Image.fromarray(np.full_like(read_mask(path), IGNORED)).save(path)
    trained(segmentation(epochs=1, batch_size=2))
    evaluated("segmentation")
    listed = pd.read_csv("predictions/images.csv")["image"].tolist()
    assert listed == [path.stem for path in image_paths(DATA, "test")[1:]]
    draw_figures()
