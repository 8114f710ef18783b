"""Supervised contrastive pre-training: its loss, what it looks at, and its place before the other epochs."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from small_runs import CPU, DATA, METRICS, NARROW, architecture, classification, prepare_classes, segmentation, trained

from darkroom.batches.images import ImageBatches
from darkroom.batches.parameters import ImageAugmentation
from darkroom.datasets.description import Description
from darkroom.models.architecture import architectures
from darkroom.training.contrastive import contrastive_loss, contrastive_objective, last_layer
from darkroom.training.kinds.classification import ClassificationTraining


def loss_as_written(features: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    """Equation 2 of arXiv:2004.11362, image by image."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    losses = []
    for i, label in enumerate(labels):
        others = [a for a in range(len(labels)) if a != i]
        positives = [a for a in others if labels[a] == label]
        if positives:
            below = sum(math.exp(unit[i] @ unit[a] / temperature) for a in others)
            shares = [math.exp(unit[i] @ unit[p] / temperature) / below for p in positives]
            losses.append(-sum(math.log(share) for share in shares) / len(positives))
    return sum(losses) / len(losses)


def test_loss_is_that_of_the_paper() -> None:
    draw = np.random.default_rng(0)
    features, labels = draw.normal(size=(12, 5)), np.array([0, 0, 1, 1, 1, 2, 2, 2, 2, 0, 1, 3])
    for temperature in (0.1, 0.5):
        ours = contrastive_loss(torch.tensor(features), torch.tensor(labels), temperature)
        assert float(ours) == pytest.approx(loss_as_written(features, labels, temperature), rel=1e-5)
    assert contrastive_loss(torch.rand(3, 4), torch.arange(3), 0.1) == 0, "no two of a class"


@pytest.mark.parametrize("name", architectures("classification"))
def test_last_layer_gives_the_logits(name: str) -> None:
    model = architecture(name).build(7, (32, 32)).eval()
    layer, images = last_layer(model), torch.rand(4, 3, 32, 32)
    layer.register_forward_hook(
        lambda *_: torch.full((4, 7) if isinstance(layer, torch.nn.Linear) else (4, 7, 1, 1), 3.0)
    )
    logits, loss = contrastive_objective(model, 0.1)(model, images, torch.tensor([0, 0, 1, 1]))
    assert (logits == logits[0, 0]).all() and logits.shape == (4, 7)
    assert loss.isfinite() and loss > 0


def test_two_views_are_of_the_same_images(folder: Path) -> None:
    prepare_classes()
    description = Description.read(DATA)
    shifted = ImageBatches(DATA, description, ImageAugmentation(flip="random", crop=4, cutout=0), 8, 0, CPU)
    for (images, labels), (first, own) in zip(shifted.two_views(1), shifted.train(1), strict=True):
        assert torch.equal(images[:8], first) and torch.equal(labels, torch.cat([own, own]))
        assert not torch.equal(images[8:], first)
    plain = ImageBatches(DATA, description, ImageAugmentation(flip="none", crop=0, cutout=0), 8, 0, CPU)
    for images, _ in plain.two_views(1):
        assert torch.equal(images[:8], images[8:])


def test_pretraining_comes_before_the_other_epochs(folder: Path) -> None:
    prepare_classes()
    first = trained(classification(pretrain_epochs=2, epochs=3))
    history = pd.read_csv(METRICS / "history.csv")
    assert list(history["epoch"]) == [1, 2, 3, 4, 5]
    assert history["train_objective"][1] < history["train_objective"][0], "classes come together"
    assert history["lr"][0] > history["lr"][1] < history["lr"][2], "the rate rises and falls in each phase"
    assert trained(classification(pretrain_epochs=2, epochs=3)) == first, "the same bytes again"
    assert trained(classification(epochs=3)) != first


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: segmentation(pretrain_epochs=1), "train.pretrain_epochs = 1 is not for segmentation; set it to 0"),
        (lambda: classification(pretrain_epochs=1, warmup_epochs=2.0), "warmup_epochs = 2.0 is greater than pretrain_"),
        (
            lambda: ClassificationTraining(
                kind="classification", seed=0, model=architecture(**NARROW),
                augment=ImageAugmentation(flip="none", crop=0, cutout=0, mixup=0.2),
                train=classification(pretrain_epochs=1).train,
            ),
            "train.pretrain_epochs does not work with mixed classes",
        ),
    ],
)  # fmt: skip
def test_what_pretraining_does_not_go_with(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
