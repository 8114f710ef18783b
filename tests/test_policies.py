"""The AutoAugment family, compared with torchvision image by image."""

import math

import numpy as np
import pytest
import torch
from conftest import noise
from torchvision.transforms import AutoAugment, AutoAugmentPolicy
from torchvision.transforms.v2 import functional as reference

from darkroom.batches import pixels
from darkroom.batches.augmentations import Epoch, jitter
from darkroom.batches.operations import NUMBER, OPERATIONS, Plan, apply
from darkroom.batches.policies import draw_plan
from darkroom.batches.policies.autoaugment import PAIRS

CPU = torch.device("cpu")


def some_images(count: int = 16, height: int = 20, width: int = 24) -> torch.Tensor:
    """Smooth and noisy images in turn, uint8 (count, 3, height, width)."""
    ramp = np.linspace(30, 200, width).astype(np.uint8)[None, :, None]
    images = [noise(height, width, n) if n % 2 else noise(height, width, n) // 6 + ramp for n in range(count)]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


def affine(image: torch.Tensor, x: float = 0, y: float = 0, shear: tuple[float, float] = (0, 0)) -> torch.Tensor:
    degrees = [math.degrees(math.atan(slope)) for slope in shear]
    return reference.affine(image, angle=0.0, translate=[int(x), int(y)], scale=1.0, shear=degrees, center=[0, 0])


# For each operation: the lowest and highest strength to try, and the torchvision function for one image.
REFERENCES = {
    "identity": ((0, 0), lambda image, _: image),
    "shear_x": ((-0.9, 0.9), lambda image, m: affine(image, shear=(m, 0))),
    "shear_y": ((-0.9, 0.9), lambda image, m: affine(image, shear=(0, m))),
    "translate_x": ((-12, 12), lambda image, m: affine(image, x=m)),
    "translate_y": ((-12, 12), lambda image, m: affine(image, y=m)),
    "rotate": ((-135, 135), reference.rotate),
    "brightness": ((-0.95, 0.95), lambda image, m: reference.adjust_brightness(image, 1 + m)),
    "colour": ((-0.95, 0.95), lambda image, m: reference.adjust_saturation(image, 1 + m)),
    "contrast": ((-0.95, 0.95), lambda image, m: reference.adjust_contrast(image, 1 + m)),
    "sharpness": ((-0.95, 0.95), lambda image, m: reference.adjust_sharpness(image, 1 + m)),
    "posterize": ((2, 8), lambda image, m: reference.posterize(image, int(m))),
    "solarize": ((0, 1), lambda image, m: reference.solarize(image, 255 * m)),
    "autocontrast": ((0, 0), lambda image, _: reference.autocontrast(image)),
    "equalize": ((0, 0), lambda image, _: reference.equalize(image)),
    "invert": ((0, 0), lambda image, _: reference.invert(image)),
}


# The image that each blending operation blends the original with.
BLENDED_WITH = {
    "brightness": torch.zeros_like,
    "colour": lambda image: grey(image).expand_as(image),
    "contrast": lambda image: grey(image).double().mean().expand_as(image),
    "sharpness": lambda image: reference.adjust_sharpness(image, 0.0),
}


def grey(image: torch.Tensor) -> torch.Tensor:
    return reference.rgb_to_grayscale(image)


def test_every_operation_has_a_reference() -> None:
    assert list(REFERENCES) == list(NUMBER)


@pytest.mark.parametrize("name", REFERENCES)
def test_operations_match_torchvision(name: str) -> None:
    images = some_images()
    (low, high), expect = REFERENCES[name]
    strength = torch.linspace(low, high, len(images)) + (0.0137 if name == "rotate" else 0)
    strength = strength.round() if name == "posterize" else strength
    result = OPERATIONS[NUMBER[name]](images.float(), strength)
    expected = torch.stack([expect(image, float(m)) for image, m in zip(images, strength, strict=True)]).float()
    difference = (result - expected).abs()
    if name in ("shear_x", "shear_y", "rotate"):  # a source position may round to either of two pixels
        assert (difference > 0).float().mean() < 0.005
    elif name in BLENDED_WITH:  # truncation: torchvision's sums may lie just below an integer
        other = torch.stack([BLENDED_WITH[name](image) for image in images]).double()
        exact = other + (1 + strength.double())[:, None, None, None] * (images - other)
        truncated = exact.clamp(0, 255) - result
        assert truncated.min() > -1e-3 and truncated.max() < 1 + 1e-3
        assert difference.max() <= 1
    else:
        assert difference.max() == 0
    if name != "identity":
        assert not torch.equal(result, images.float())


def test_each_image_gets_its_own_operations() -> None:
    images = some_images(6).float()
    plan = Plan(
        torch.tensor([[NUMBER[a], NUMBER[b]] for a, b in zip(
            ["invert", "identity", "rotate", "invert", "solarize", "identity"],
            ["invert", "identity", "shear_x", "posterize", "contrast", "brightness"],
            strict=True,
        )]),
        torch.tensor([[0, 0], [0, 0], [30, 0.2], [0, 3], [0.5, -0.4], [0, 0.3]], dtype=torch.float32),
    )  # fmt: skip
    rows = torch.arange(6)
    result = apply(images, plan.batches(rows[None], CPU)[0])
    assert torch.equal(result[:2], images[:2])
    for row in range(6):
        expected = images[row : row + 1]
        for step in range(2):
            expected = OPERATIONS[int(plan.operation[row, step])](expected, plan.strength[row : row + 1, step])
        assert torch.equal(result[row : row + 1], expected)
    shuffled = torch.tensor([[4, 0], [5, 3]])
    for batch, steps in zip(shuffled, plan.batches(shuffled, CPU), strict=True):
        assert torch.equal(apply(images[batch], steps), result[batch])


def test_autoaugment_has_the_policy_of_the_paper() -> None:
    names = {"color": "colour", "translatex": "translate_x", "translatey": "translate_y", "shearx": "shear_x",
             "sheary": "shear_y"}  # fmt: skip
    published = AutoAugment(AutoAugmentPolicy.CIFAR10)._get_policies(AutoAugmentPolicy.CIFAR10)
    pairs = [pair.split() for pair in PAIRS.split(";")]
    assert len(pairs) == len(published) == 25
    for words, entries in zip(pairs, published, strict=True):
        for (name, probability, level), ours in zip(entries, (words[:3], words[3:]), strict=True):
            assert ours[0] == names.get(name.lower(), name.lower())
            assert int(ours[1]) == round(probability * 10)
            assert level is None or int(ours[2]) == level


def test_drawn_plans_cover_the_range_of_each_policy() -> None:
    draw = torch.Generator().manual_seed(0)
    wide = draw_plan("trivialaugment", 20_000, 32, draw)
    assert wide.operation.shape == (20_000, 1)
    assert set(wide.operation.unique().tolist()) == set(range(len(OPERATIONS))) - {NUMBER["invert"]}
    limits = {"shear_x": (-0.99, 0.99), "translate_x": (-32, 32), "rotate": (-135, 135), "colour": (-0.99, 0.99),
              "posterize": (2, 8), "solarize": (0, 1)}  # fmt: skip
    for name, (low, high) in limits.items():
        strengths = wide.strength[wide.operation == NUMBER[name]]
        assert float(strengths.min()) == pytest.approx(low, abs=1e-5), name
        assert float(strengths.max()) == pytest.approx(high, abs=1e-5), name

    narrow = draw_plan("randaugment", 20_000, 32, draw)
    assert narrow.operation.shape == (20_000, 2)
    assert narrow.strength[narrow.operation == NUMBER["rotate"]].abs().unique().tolist() == pytest.approx([9.0])
    assert narrow.strength[narrow.operation == NUMBER["posterize"]].unique().tolist() == [7.0]

    learned = draw_plan("autoaugment", 50_000, 32, draw)
    inverted = (learned.operation[:, 0] == NUMBER["invert"]).float().mean()
    assert float(inverted) == pytest.approx(0.1 / 25, rel=0.25), "1 of 25 pairs starts with it, at probability 0.1"

    rows = Epoch(0, 0, (8, 8), torch.arange(10_000), torch.zeros(10_000))
    changes = jitter.draw(jitter.Options(jitter=0.4), rows)
    assert float(changes.strength.abs().max()) == pytest.approx(0.4, abs=1e-3)
    assert abs(float(changes.strength.mean())) < 0.01


def test_pixel_values_stay_integers_from_0_to_255() -> None:
    images = some_images(300, 8, 8).float()
    for policy in ("randaugment", "trivialaugment", "autoaugment"):
        plan = draw_plan(policy, 300, 8, torch.Generator().manual_seed(1))
        result = apply(images, plan.batches(torch.arange(300)[None], CPU)[0])
        assert result.min() >= 0 and result.max() <= 255
        assert torch.equal(result, result.round())
        assert not torch.equal(result, images)
    assert pixels.identity(images, images) is images
