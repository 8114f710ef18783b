"""Layer-CAM of every model, whether its heat lies on the object, and the selection of the images to explain."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from small_runs import (
    CPU,
    DATA,
    MODEL,
    architecture,
    classification,
    evaluated,
    prepare_classes,
    prepare_scenes,
    segmentation,
    trained,
)
from torch import nn

from bench.explanations import Game, play, play_with
from darkroom.datasets.description import Description
from darkroom.datasets.packed import write_images, write_labels
from darkroom.datasets.pairs import image_paths, mask_path, read_mask
from darkroom.evaluation.explanations import select_images
from darkroom.evaluation.layer_cam import _as_map, layer_cam
from darkroom.models.architecture import architectures
from darkroom.models.model_file import load_model
from darkroom.sources.sample.pictures import Difficulty, draw_picture

CLASSIFIERS, SEGMENTERS = architectures("classification"), architectures("segmentation")


@pytest.mark.parametrize("name", [*CLASSIFIERS, *SEGMENTERS])
def test_layer_cam_of_every_model(name: str) -> None:
    torch.manual_seed(0)
    side, options = (32, {}) if name in CLASSIFIERS else (64, {"encoder_depth": 4})
    parameters = architecture(name, **options)
    model = parameters.build(4, (side, side)).eval()
    image, layer = torch.randn(1, 3, side, side), parameters.explained_layer(model)
    heat = layer_cam(model, layer, image, lambda logits: logits[1].sum())
    assert heat.shape == (side, side) and np.isfinite(heat).all() and heat.min() >= 0 and heat.max() <= 1
    assert not layer._forward_hooks


def test_layer_cam_matches_a_computation_by_hand() -> None:
    """The logit is a weighted sum of channels; the heat is the sum of those with a positive weight at each pixel."""

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
    heat = layer_cam(model, model.features, image, lambda logits: logits[0])
    assert heat == pytest.approx(np.array([[1.0, 0], [0.25, 0.25]]), abs=1e-5)
    assert not layer_cam(model, model.features, -image, lambda logits: logits[0])[0, 0].any()


@pytest.fixture
def silhouettes(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prepare drawn silhouettes of four classes; return pixels, labels and objects of the test images."""
    difficulty, names = Difficulty(clutter=2, noise=12, smallest=0.5, largest=0.8), ["arrow", "moon", "star", "tree"]
    splits = {"train": slice(1000), "validation": slice(1000, 1040), "test": slice(1040, 1140)}
    labels = np.arange(1140) % len(names)
    drawn = [draw_picture(names[label], 32, difficulty, number) for number, label in enumerate(labels)]
    pixels, objects = (np.stack(arrays) for arrays in zip(*drawn, strict=True))
    for split, rows in splits.items():
        write_images(DATA, split, pixels[rows])
        write_labels(DATA, split, labels[rows])
    images = {split: len(labels[rows]) for split, rows in splits.items()}
    Description("classification", names, [0.5] * 3, [0.25] * 3, images, [32, 32]).write(DATA)
    return pixels[splits["test"]], labels[splits["test"]], objects[splits["test"]]


def test_the_heat_of_the_default_network_lies_on_the_object(silhouettes: tuple) -> None:
    """Grad-CAM, which was used before, does not beat pointing at the centre: maximum pooling misleads it."""
    model = {"name": "fast_cnn", "widths": [16, 32, 64]}
    trained(classification(model, epochs=10, batch_size=50, optimizer="muon"))
    games = play_with(*load_model(MODEL, CPU), *silhouettes)
    assert games["Layer-CAM"].images >= 80
    assert games["Layer-CAM"].hits >= 0.8 and games["Layer-CAM"].hits > games["Layer-CAM"].centre + 0.1
    assert games["Grad-CAM"].hits < 0.7


def test_pointing_game() -> None:
    """The first maximum is on its object, the second is one pixel beside it, with a quarter of the heat on it."""
    heats, objects = np.zeros((2, 5, 5), np.float32), np.zeros((2, 5, 5), bool)
    heats[0, 2, 2] = 1
    heats[1, 0, :2] = 3, 1
    objects[0, 2, 2] = objects[1, 0, 1] = True
    assert play(heats, objects) == Game(images=2, hits=0.5, near=1.0, energy=0.625, centre=0.5)


def test_a_picture_has_its_object_where_the_mask_says() -> None:
    """Two silhouettes from the same draws differ only where one of them is drawn."""
    plain = Difficulty(clutter=0, noise=0, smallest=0.5, largest=0.5)
    (ring, ring_mask), (star, star_mask) = (draw_picture(name, 32, plain, 3) for name in ("ring", "star"))
    differs, drawn = (ring != star).any(2), ring_mask | star_mask
    edges = cv2.dilate(drawn.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert differs[drawn].mean() > 0.6 and not differs[~edges].any()
    rows, columns = np.nonzero(ring_mask)
    assert not ring_mask[round(rows.mean()), round(columns.mean())], "a ring has a hole"


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
