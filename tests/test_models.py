"""The models and their files."""

import re
from pathlib import Path

import pytest
import torch
from conftest import ROOT, run
from pydantic import ValidationError
from safetensors.torch import save_file
from small_runs import CPU

from darkroom.common.errors import UserError
from darkroom.models.fast_cnn import WHITENING_EPSILON, FastCNN
from darkroom.models.model_file import Card, load_model, save_model
from darkroom.models.parameters import CLASSIFIER_OPTIONS, ClassifierParameters, SegmenterParameters
from darkroom.models.zoo import build_model, trained_weights


def test_fast_network_takes_any_size() -> None:
    for side in (10, 32, 64, 96):
        assert FastCNN(5, (side, side), [8, 8, 8])(torch.zeros(2, 3, side, side)).shape == (2, 5)


# At 10 classes and 32×32 pixels: of the papers, or counted once and held since.
WEIGHTS = {
    "fast_cnn": 1_823_360,
    "simple_cnn": 356_810,
    "lenet": 82_826,
    "lenet_modern": 82_870,
    "vgg16_bn": 14_728_266,
    "resnet18": 11_173_962,
    "resnet34": 21_282_122,
    "resnet50": 23_520_842,
    "wrn_16_1": 175_066,
    "wrn_16_8": 10_961_370,
    "wrn_28_10": 36_479_194,
    "dla34": 15_232_314,
    "vit": 4_028_170,
}


def test_every_classifier_is_counted() -> None:
    assert WEIGHTS.keys() == CLASSIFIER_OPTIONS.keys()


@pytest.mark.parametrize("name", WEIGHTS)
def test_classifiers_have_their_weights_and_take_any_fitting_image(name: str) -> None:
    model = build_model(ClassifierParameters(name=name), 10, (32, 32))
    assert trained_weights(model) == WEIGHTS[name]
    for classes, size in ((3, (32, 32)), (7, (64, 48))):
        model = build_model(ClassifierParameters(name=name), classes, size).eval()
        assert model(torch.zeros(1, 3, *size)).shape == (1, classes)


# Of a block with so many channels: Hu et al. (arXiv:1709.01507) with biases, timm reducing by 16 but to 8 at least;
# Woo et al. (arXiv:1807.06521) without, and a 7×7 convolution of two maps with its normalization.
ATTENTION_WEIGHTS = {
    "se": lambda c: 2 * c * max(8, c // 16) + c + max(8, c // 16),
    "cbam": lambda c: 2 * c * (c // 16) + 2 * 7 * 7 + 2,
}


@pytest.mark.parametrize("attention", ATTENTION_WEIGHTS)
def test_attention_adds_to_residual_models(attention: str) -> None:
    model = build_model(ClassifierParameters(name="resnet18", attention=attention), 10, (32, 32))
    added = 2 * sum(ATTENTION_WEIGHTS[attention](channels) for channels in (64, 128, 256, 512))
    assert trained_weights(model) == WEIGHTS["resnet18"] + added
    wide = build_model(ClassifierParameters(name="wrn_16_8", attention=attention), 10, (32, 32))
    assert trained_weights(wide) > WEIGHTS["wrn_16_8"]
    assert wide(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("fast_cnn", (8, 8), "fast_cnn: images of 8×8 pixels are too small for it; 10 at least"),
        ("vgg16_bn", (16, 40), "vgg16_bn: images of 16×40 pixels are too small for it; 32 at least"),
        ("dla34", (40, 40), "dla34: sides of 40×40 pixels are no multiples of 16"),
        ("vit", (30, 30), "model.patch = 4: images of 30×30 pixels have no whole number of patches"),
    ],
)
def test_images_that_do_not_fit_are_one_line(name: str, size: tuple[int, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_model(ClassifierParameters(name=name), 10, size)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "resnet18", "dropout": 0.1}, "resnet18 takes no dropout; its options: attention"),
        ({"name": "vgg16_bn", "attention": "se"}, "vgg16_bn takes no attention; its options: none"),
        ({"name": "vit", "width": 100, "heads": 3}, "width = 100 must be a multiple of heads = 3"),
        ({"name": "resnet19"}, "'fast_cnn', .*'vit'"),
    ],
)
def test_options_of_another_model_are_refused(values: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ClassifierParameters(**values)


def test_options_not_given_have_their_classic_values() -> None:
    assert ClassifierParameters(name="wrn_28_10").dropout == 0.3
    whole = ClassifierParameters(name="vit", depth=2).model_dump()
    assert ClassifierParameters(**whole).model_dump() == whole, "as a model file says them"


def test_models_are_listed_and_one_layer_by_layer() -> None:
    listed = run(ROOT, "python", "-m", "darkroom", "models").stdout
    for name, weights in WEIGHTS.items():
        assert re.search(rf"^{name} +{weights:,} ", listed, re.MULTILINE)
    assert re.search("^resnet18 .* 555,422,720 ", listed, re.MULTILINE), "as in He et al., 0.56 billion"
    layers = run(ROOT, "python", "-m", "darkroom", "models", "simple_cnn", "--side", "64", "--classes", "200").stdout
    assert re.search(r"^0 +Conv2d +896 +32×64×64$", layers, re.MULTILINE)
    assert re.search(r"^14 +Linear +25,800 +200$", layers, re.MULTILINE)
    unknown = run(ROOT, "python", "-m", "darkroom", "models", "resnet19")
    assert unknown.returncode == 1
    assert unknown.stderr.splitlines() == [
        "darkroom.__main__: error: resnet19: is no classifier; did you mean resnet18?"
    ]


def test_whitening_makes_patches_uncorrelated() -> None:
    smooth = torch.nn.functional.avg_pool2d(torch.randn(64, 3, 34, 34), 3, stride=1)
    model = FastCNN(10, (32, 32), [8, 8, 8])
    model.initialize_from(smooth)
    responses = model.whitening(smooth)[:, :12].transpose(0, 1).flatten(1)
    covariance = (responses @ responses.T / responses.shape[1]).detach()
    patches = torch.nn.functional.unfold(smooth, 2).transpose(0, 1).flatten(1)
    eigenvalues = torch.linalg.eigvalsh(patches @ patches.T / patches.shape[1])
    expected = torch.diag(eigenvalues / (eigenvalues + WHITENING_EPSILON))
    assert torch.allclose(covariance, expected, atol=1e-3)
    assert covariance[-1, -1] > 0.9, "what varies much comes out with a variance of about 1"


@pytest.mark.parametrize("depth", [3, 4, 5])
@pytest.mark.parametrize("name", ["unet", "fpn", "deeplabv3plus"])
def test_segmenters_give_logits_for_each_pixel(name: str, depth: int) -> None:
    model = build_model(SegmenterParameters(name=name, encoder_depth=depth), 4, (32, 32)).eval()
    assert model(torch.zeros(1, 3, 64, 96)).shape == (1, 4, 64, 96)


def test_unknown_encoder_is_one_line() -> None:
    with pytest.raises(UserError, match="model.encoder = resnet19"):
        build_model(SegmenterParameters(name="unet", encoder="resnet19"), 4, (32, 32))


def test_encoder_weights_are_needed_at_the_start_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    pretrained = {"name": "unet", "encoder_weights": "imagenet"}
    with pytest.raises(UserError, match="encoder_weights = imagenet: cannot be downloaded; check the network"):
        build_model(SegmenterParameters(**pretrained), 2, (32, 32))
    with pytest.raises(UserError, match="encoder_weights = imagenat: Wrong pretrained weights"):
        build_model(SegmenterParameters(name="unet", encoder_weights="imagenat"), 2, (32, 32))
    model = build_model(SegmenterParameters(name="unet"), 2, (32, 32))
    save_model(
        Path("model"), model, Card("segmentation", pretrained, ["a", "b"], [32, 32], [0.5] * 3, [0.2] * 3, "fp32")
    )
    assert load_model(Path("model"), torch.device("cpu"))[1].model == pretrained


def test_model_file_is_whole_and_the_same_each_time(folder: Path) -> None:
    model = build_model(ClassifierParameters(name="fast_cnn", widths=[8, 8, 8]), 2, (32, 32)).eval()
    parameters = {"name": "fast_cnn", "widths": [8, 8, 8]}
    card = Card("classification", parameters, ["a", "b"], [32, 32], [0.5] * 3, [0.2] * 3, "fp32")
    for name in ("one", "two"):
        save_model(Path(name), model, card)
    assert Path("one").read_bytes() == Path("two").read_bytes()
    loaded, read = load_model(Path("one"), CPU)
    assert read == card
    images = torch.randn(2, 3, 32, 32)
    assert torch.allclose(loaded(images), model(images), atol=1e-5)


@pytest.mark.parametrize("content", ["missing", b"", b"\x80\x04pickle", "no card"])
def test_other_files_are_no_models(folder: Path, content: bytes | str) -> None:
    if content == "no card":
        save_file({"w": torch.zeros(1)}, "model")
    elif content != "missing":
        Path("model").write_bytes(content)
    with pytest.raises(UserError, match="no such file|no model file"):
        load_model(Path("model"), CPU)


def test_wide_residual_networks_without_what_made_them_trainable() -> None:
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for option, absent in (("residual", "shortcut"), ("normalization", "norm")):
        model = build_model(ClassifierParameters(name="wrn_16_1", **{option: False}), 10, (32, 32))
        assert not any(absent in name for name, _ in model.named_parameters())
        assert model(images).isfinite().all()
    block = build_model(ClassifierParameters(name="wrn_16_1", residual=False), 10, (32, 32))[1]
    torch.nn.init.zeros_(block.conv2.weight)
    assert not block(torch.rand(1, 16, 8, 8)).any(), "nothing goes past the convolutions"
