"""Supervised contrastive pre-training: its loss, its two views of each image, and its epochs before the others."""

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


def reference_loss(features: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    """Equation 2 of arXiv:2004.11362, computed image by image."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    losses = []
    for i, label in enumerate(labels):
        others = [a for a in range(len(labels)) if a != i]
        positives = [a for a in others if labels[a] == label]
        if positives:
            denominator = sum(math.exp(unit[i] @ unit[a] / temperature) for a in others)
            ratios = [math.exp(unit[i] @ unit[p] / temperature) / denominator for p in positives]
            losses.append(-sum(math.log(ratio) for ratio in ratios) / len(positives))
    return sum(losses) / len(losses)


def test_loss_matches_the_paper() -> None:
    draw = np.random.default_rng(0)
    features, labels = draw.normal(size=(12, 5)), np.array([0, 0, 1, 1, 1, 2, 2, 2, 2, 0, 1, 3])
    for temperature in (0.1, 0.5):
        ours = contrastive_loss(torch.tensor(features), torch.tensor(labels), temperature)
        assert float(ours) == pytest.approx(reference_loss(features, labels, temperature), rel=1e-5)
    assert contrastive_loss(torch.rand(3, 4), torch.arange(3), 0.1) == 0, "no class has two images"


@pytest.mark.parametrize("name", architectures("classification"))
def test_logits_come_from_the_last_layer(name: str) -> None:
    model = architecture(name).build(7, (32, 32)).eval()
    layer, images = last_layer(model), torch.rand(4, 3, 32, 32)
    layer.register_forward_hook(
        lambda *_: torch.full((4, 7) if isinstance(layer, torch.nn.Linear) else (4, 7, 1, 1), 3.0)
    )
    logits, loss = contrastive_objective(model, 0.1)(model, images, torch.tensor([0, 0, 1, 1]))
    assert (logits == logits[0, 0]).all() and logits.shape == (4, 7)
    assert loss.isfinite() and loss > 0


def test_both_views_show_the_same_images(folder: Path) -> None:
    prepare_classes()
    description = Description.read(DATA)
    augmented = ImageBatches(DATA, description, ImageAugmentation(flip="random", crop=4, cutout=0), 8, 0, CPU)
    for (images, labels), (view, view_labels) in zip(augmented.two_views(1), augmented.train(1), strict=True):
        assert torch.equal(images[:8], view) and torch.equal(labels, torch.cat([view_labels, view_labels]))
        assert not torch.equal(images[8:], view)
    unchanged = ImageBatches(DATA, description, ImageAugmentation(flip="none", crop=0, cutout=0), 8, 0, CPU)
    for images, _ in unchanged.two_views(1):
        assert torch.equal(images[:8], images[8:])


def test_pretraining_comes_before_the_other_epochs(folder: Path) -> None:
    prepare_classes()
    first = trained(classification(pretrain_epochs=2, epochs=3))
    history = pd.read_csv(METRICS / "history.csv")
    assert list(history["epoch"]) == [1, 2, 3, 4, 5]
    assert history["train_objective"][1] < history["train_objective"][0], "the contrastive loss falls"
    assert history["lr"][0] > history["lr"][1] < history["lr"][2], "each phase has its own learning rate schedule"
    assert trained(classification(pretrain_epochs=2, epochs=3)) == first, "a second run gives the same bytes"
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
def test_settings_that_exclude_pretraining_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
