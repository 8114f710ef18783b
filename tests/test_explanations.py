"""Grad-CAM of every model, and the selection of the images to explain."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from small_runs import (
    DATA,
    architecture,
    classification,
    evaluated,
    prepare_classes,
    prepare_scenes,
    segmentation,
    trained,
)
from torch import nn

from darkroom.datasets.pairs import image_paths, mask_path, read_mask
from darkroom.evaluation.explanations import select_images
from darkroom.evaluation.grad_cam import _as_map, grad_cam
from darkroom.models.architecture import architectures

CLASSIFIERS, SEGMENTERS = architectures("classification"), architectures("segmentation")


@pytest.mark.parametrize("name", [*CLASSIFIERS, *SEGMENTERS])
def test_grad_cam_of_every_model(name: str) -> None:
    torch.manual_seed(0)
    side, options = (32, {}) if name in CLASSIFIERS else (64, {"encoder_depth": 4})
    parameters = architecture(name, **options)
    model = parameters.build(4, (side, side)).eval()
    image, layer = torch.randn(1, 3, side, side), parameters.explained_layer(model)
    heat = grad_cam(model, layer, image, lambda logits: logits[1].sum())
    assert heat.shape == (side, side) and np.isfinite(heat).all() and heat.min() >= 0 and heat.max() <= 1
    assert not layer._forward_hooks


def test_grad_cam_matches_a_computation_by_hand() -> None:
    """The logit is a weighted sum of channels, so the heat is the positive part of that sum at each pixel."""

    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Conv2d(3, 3, 1, bias=False)
            nn.init.dirac_(self.features.weight)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return (self.features(images) * torch.tensor([1.0, -2.0, 0.5])[:, None, None]).sum((1, 2, 3))[:, None]

    model = Sum()
    image = torch.zeros(1, 3, 2, 2)
    image[0, :, 0, 0] = torch.tensor([3.0, 0, 2])
    image[0, :, 1, 0] = torch.tensor([1.0, 1, 0])
    image[0, :, 1, 1] = torch.tensor([0, 0, 2.0])
    heat = grad_cam(model, model.features, image, lambda logits: logits[0])
    assert heat == pytest.approx(np.array([[1.0, 0], [0, 0.25]]), abs=1e-5)
    assert not grad_cam(model, model.features, -image, lambda logits: logits[0])[0, 0].any()


def test_tokens_are_mapped_to_the_places_of_their_patches() -> None:
    """The class token comes first, then those of 2×4 patches, of which only the second is not zero."""
    tokens = torch.zeros(1, 9, 5)
    tokens[0, 2] = 1
    assert _as_map(torch.Size([8, 16]), tokens)[0, 0].tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]


def test_selected_images_have_the_highest_confidence_of_their_kind() -> None:
    true = [0, 0, 1, 1, 2, 2, 0, 0, 0, 0, 0, 0, 0]
    predicted = [0, 0, 1, 2, 2, 0, 1, 1, 1, 1, 1, 1, 2]
    confidence = [0.9, 0.8, 0.7, 0.6, 0.95, 0.5, 0.99, 0.98, 0.97, 0.96, 0.94, 0.93, 0.4]
    logits = torch.zeros(len(true), 3)
    for row, (label, probability) in enumerate(zip(predicted, confidence, strict=True)):
        logits[row] = ((1 - probability) / 2 * torch.ones(3)).log()
        logits[row, label] = torch.tensor(probability).log()
    chosen = select_images(logits, torch.tensor(true))
    assert chosen == {"right": [4, 0, 2], "wrong": [6, 7, 8, 9], "confused": [10, 3, 5, 12]}
    assert select_images(logits[:3], torch.tensor(true[:3])) == {"right": [0, 2], "wrong": [], "confused": []}


def test_explanations_of_a_classifier(folder: Path) -> None:
    prepare_classes()
    trained(classification(epochs=1))
    evaluated()
    table = pd.read_csv("predictions/explanations.csv")
    expected = {f"{index}_{role}.png" for index in table["index"] for role in ("true", "predicted")}
    assert {path.name for path in Path("predictions/explanations").iterdir()} == expected
    assert ((table["true"] == table["predicted"]) == (table["kind"] == "right")).all()


def test_explanations_of_a_segmentation(folder: Path) -> None:
    prepare_scenes()
    trained(segmentation(epochs=2, batch_size=2))
    evaluated("segmentation")
    table = pd.read_csv("predictions/explanations.csv")
    assert list(table["id"].value_counts()) == [2, 2]
    masks = [read_mask(mask_path(DATA, "test", path.stem)) for path in image_paths(DATA, "test")]
    for value, images in table.groupby("id")["image"].nunique().items():
        assert images == min(2, sum((mask == value).any() for mask in masks)), "also where the model finds none"
    assert (table["iou"][::2].to_numpy() >= table["iou"][1::2].to_numpy()).all(), "the higher IoU comes first"
    for number, row in table.iterrows():
        pixels = np.asarray(Image.open(f"predictions/explanations/{number}.png"))
        assert pixels.shape == read_mask(Path("predictions/masks", f"{row['image']}.png")).shape
