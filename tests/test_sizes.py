"""Smaller images in the first epochs."""

from pathlib import Path

import pytest
import torch
from small_runs import DATA, classification, evaluated, prepare_classes, trained

from darkroom.batches.images import ImageBatches
from darkroom.batches.parameters import ImageAugmentation
from darkroom.batches.sizes import SizeOptions, scale_down
from darkroom.common.errors import UserError
from darkroom.datasets.description import Description
from darkroom.training.kinds.classification import ClassificationTraining

SMALLER = ImageAugmentation(flip="none", crop=0, cutout=0, sizes=[16, 24])


def resized(augment: ImageAugmentation = SMALLER, model: str = "fast_cnn", **train: object) -> ClassificationTraining:
    """Return parameters of three epochs with an augmentation."""
    parameters = classification({"name": model}, epochs=3, **train).model_dump()
    return ClassificationTraining.model_validate(parameters | {"augment": augment.model_dump()})


def test_only_the_first_epochs_show_smaller_images(folder: Path) -> None:
    prepare_classes()
    batches = ImageBatches(DATA, Description.read(DATA), SMALLER, 8, 0, torch.device("cpu"))
    assert [tuple(next(batches.train(epoch))[0].shape[2:]) for epoch in range(4)] == [
        (16, 16), (24, 24), (32, 32), (32, 32),
    ]  # fmt: skip
    assert next(batches.two_views(0))[0].shape == (16, 3, 16, 16)


def test_halving_a_smooth_image_keeps_its_values_and_proportions() -> None:
    ramp = torch.arange(64.0).expand(2, 3, 32, 64)
    half = scale_down(ramp, SizeOptions(sizes=[16]), 0)
    assert half.shape == (2, 3, 16, 32)
    assert half.is_contiguous(memory_format=torch.channels_last)
    expected = torch.arange(0.5, 64, 2).expand_as(half)
    assert torch.allclose(half[..., 1:-1], expected[..., 1:-1], atol=1e-4)


def test_training_and_evaluation_work_after_smaller_epochs(folder: Path) -> None:
    prepare_classes()
    assert trained(resized()) != trained(resized(ImageAugmentation(flip="none", crop=0, cutout=0)))
    assert 0 <= evaluated()["accuracy"] <= 1


@pytest.mark.parametrize(
    ("model", "sizes", "message"),
    [
        ("fast_cnn", [33], "augment.sizes: 33: the images have 32×32 pixels"),
        ("fast_cnn", [8], "fast_cnn takes no images of 8×8 pixels"),
        ("lenet", [24], "lenet takes no images of 24×24 pixels"),
        ("vit", [24], "vit takes no images of 24×24 pixels"),
    ],
)
def test_sizes_that_a_model_does_not_take_are_refused(folder: Path, model: str, sizes: list[int], message: str) -> None:
    prepare_classes()
    with pytest.raises(UserError, match=message):
        trained(resized(ImageAugmentation(flip="none", crop=0, cutout=0, sizes=sizes), model))


def test_the_last_epoch_shows_the_images_in_full() -> None:
    with pytest.raises(ValueError, match="give at most 2"):
        resized(SMALLER.model_copy(update={"sizes": [16, 16, 16]}))
