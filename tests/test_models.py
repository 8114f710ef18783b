"""The models, their options and their files."""

import math
import re
import sys
from pathlib import Path

import pytest
import torch
import yaml
from conftest import ROOT, assert_one_line, cifar_files, copy_project, run, stage, write_tar
from safetensors.torch import save_file
from small_runs import BASE, CPU, architecture

import darkroom.models
from darkroom.common.errors import UserError
from darkroom.common.named import names_in
from darkroom.common.parameters import check
from darkroom.models.architecture import _all_architectures, architectures, trained_weights
from darkroom.models.fast_cnn import WHITENING_EPSILON, FastCNN
from darkroom.models.model_file import AnyModel, Card, load_model, save_model


def test_fast_cnn_takes_images_of_any_size() -> None:
    for side in (10, 32, 64, 96):
        assert FastCNN(5, (side, side), [8, 8, 8])(torch.zeros(2, 3, side, side)).shape == (2, 5)


# Numbers of trained weights for 10 classes and 32×32 pixels: from the papers, or counted once to notice changes.
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


def test_every_classifier_has_an_expected_number_of_weights() -> None:
    assert WEIGHTS.keys() == architectures("classification").keys()


@pytest.mark.parametrize("name", WEIGHTS)
def test_classifiers_have_the_expected_weights_and_take_other_image_sizes(name: str) -> None:
    model = architecture(name).build(10, (32, 32))
    assert trained_weights(model) == WEIGHTS[name]
    for classes, size in ((3, (32, 32)), (7, (64, 48))):
        model = architecture(name).build(classes, size).eval()
        assert model(torch.zeros(1, 3, *size)).shape == (1, classes)


# Numbers of weights in the attention of a block with c channels. SE (Hu et al., arXiv:1709.01507) has biases; timm
# reduces to c / 16 channels, at least 8. CBAM (Woo et al., arXiv:1807.06521) has no biases, and a 7×7 convolution of
# two maps with its normalization.
ATTENTION_WEIGHTS = {
    "se": lambda c: 2 * c * max(8, c // 16) + c + max(8, c // 16),
    "cbam": lambda c: 2 * c * (c // 16) + 2 * 7 * 7 + 2,
}


@pytest.mark.parametrize("attention", ATTENTION_WEIGHTS)
def test_attention_adds_weights_to_residual_models(attention: str) -> None:
    model = architecture("resnet18", attention=attention).build(10, (32, 32))
    attention_weights = 2 * sum(ATTENTION_WEIGHTS[attention](channels) for channels in (64, 128, 256, 512))
    assert trained_weights(model) == WEIGHTS["resnet18"] + attention_weights
    wide = architecture("wrn_16_8", attention=attention).build(10, (32, 32))
    assert trained_weights(wide) > WEIGHTS["wrn_16_8"]
    assert wide(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("fast_cnn", (8, 8), "fast_cnn: images of 8×8 pixels are too small for it; 10 at least"),
        ("vgg16_bn", (16, 40), "vgg16_bn: images of 16×40 pixels are too small for it; 32 at least"),
        ("dla34", (40, 40), "dla34: height and width of images must be multiples of 16, not 40×40"),
        ("vit", (30, 30), "model.patch = 4: images of 30×30 pixels cannot be divided into whole patches"),
    ],
)
def test_image_sizes_that_do_not_fit_are_refused(name: str, size: tuple[int, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        architecture(name).build(10, size)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"name": "resnet18", "dropout": 0.1},
            "own.model.dropout: resnet18 takes no dropout; its options: attention",
        ),
        (
            {"name": "resnet18", "atention": "se"},
            "own.model.atention: resnet18 takes no atention; did you mean attention?",
        ),
        ({"name": "vgg16_bn", "attention": "se"}, "own.model.attention: vgg16_bn takes no attention; it has none"),
        ({"name": "vit", "width": 100, "heads": 3}, "own.model: width = 100 must be a multiple of heads = 3"),
        ({"name": "vit", "width": 4}, "own.model.width = 4: must be greater than or equal to 8"),
        ({"name": "mlp", "widths": [3, 0]}, "own.model.widths.1 = 0: must be greater than or equal to 1"),
        ({"name": "resnet19"}, "own.model.name = 'resnet19': is not known here; did you mean resnet"),
        ({"name": "perceptron"}, "own.model.name = 'perceptron': is not known here; known: deeplabv3plus, dla34"),
        ({"name": 3}, "own.model.name = 3: is not known here; known: deeplabv3plus"),
        ({"widths": [3]}, "own.model.name is missing: give it a value"),
        ([], "own.model = []: must be keys and values, such as {name: deeplabv3plus}"),
    ],
)
def test_wrong_options_give_a_one_line_error(values: object, message: str) -> None:
    with pytest.raises(UserError) as error:
        check(AnyModel, {"model": values}, "own")
    assert str(error.value).startswith("params.yaml: ") and message in str(error.value)
    assert "\n" not in str(error.value)


def test_omitted_options_have_default_values() -> None:
    assert architecture("wrn_28_10").dropout == 0.3
    assert architecture("wrn_16_1").dropout == 0.0
    options = architecture("vit", depth=2).model_dump()
    assert options == {"name": "vit", "patch": 4, "width": 192, "depth": 2, "heads": 3, "dropout": 0.0}
    assert architecture(**options).model_dump() == options, "a model file holds all options"


EVERY_MODEL = [(kind, name) for kind in names_in("darkroom.datasets.kinds") for name in architectures(kind)]


@pytest.mark.parametrize(("kind", "name"), EVERY_MODEL)
def test_each_model_builds_predicts_and_has_a_layer_to_explain(kind: str, name: str) -> None:
    """Segmentation models predict on inputs larger than those of training."""
    parameters = architecture(name)
    side = math.lcm(32, parameters.crop_multiple())
    shape = parameters.input_shape(side)
    with torch.device("meta"):  # computes shapes, no values
        model = parameters.build(3, shape[-2:]).eval()
        larger = (3, 2 * side, side) if kind == "segmentation" else shape
        [logits] = parameters.predict(model, [torch.zeros(2, *larger)], shape[-2:])
    assert logits.shape == (2, 3, *(larger[1:] if kind == "segmentation" else ()))
    if len(shape) == 3:
        assert parameters.explained_layer(model) in list(model.modules())


NEW_MODEL = '''"""A model in a file of its own."""

from typing import ClassVar, Literal

from torch import nn

from darkroom.models.architecture import Architecture


class TinyArchitecture(Architecture):
    """One convolution."""

    kinds: ClassVar[tuple[str, ...]] = ("classification",)

    name: Literal["tiny"]
    channels: int = 4
    """Channels of the convolution."""

    def _network(self, outputs: int, image_size: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, self.channels, 3), nn.ReLU(), nn.AvgPool2d(30), nn.Flatten(), nn.Linear(self.channels, outputs)
        )
'''


def test_a_model_is_added_in_one_file(tmp_path: Path) -> None:
    """The checks, the stages and the list of models then know it."""
    project = copy_project(tmp_path / "a clone")
    (project / "darkroom" / "models" / "tiny.py").write_text(NEW_MODEL)
    write_tar(project / "classes.tar.gz", cifar_files(per_class=24))
    task = {
        "prepare": "split_cifar10", "archive": "classes.tar.gz", "validation": 0.25,
        "model": {"name": "tiny", "channels": 5}, "augment": {"flip": "none", "crop": 0, "cutout": 0},
        "train": {}, "evaluate": {"tta": "none"},
    }  # fmt: skip
    params = {"seed": 0, "source": "sample", "launcher": "python", "train": BASE | {"epochs": 1, "lr": 0.01}}
    params["tasks"] = {"own": task, "typo": task | {"model": {"name": "tiny", "chanels": 5}}}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    assert_one_line(stage(project, "stages.configure"), "tiny takes no chanels; did you mean channels?")
    del params["tasks"]["typo"]
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    for arguments in (
        ["stages.configure"], ["stages.fetch", "own"], ["stages.split_cifar10", "own"], ["stages.train", "own"],
        ["stages.evaluate", "own"],
    ):  # fmt: skip
        done = stage(project, *arguments)
        assert done.returncode == 0, done.stderr
    assert list((project / "data" / "predictions" / "own" / "explanations").glob("*.png"))
    assert re.search("^4 +Linear ", run(project, "python", "-m", "darkroom", "models", "tiny").stdout, re.MULTILINE)


def test_models_are_known_without_the_libraries_of_other_models() -> None:
    missing = ("albumentations", "dvc", "huggingface_hub", "segmentation_models_pytorch", "timm", "torchvision")
    program = f"""if True:
        import sys
        sys.modules |= dict.fromkeys({missing!r})
        from darkroom.models.model_file import load_model
        from darkroom.models.architecture import architectures
        for name, family in architectures().items():
            family(name=name)
        architectures()["fast_cnn"](name="fast_cnn").build(2, (32, 32))
    """
    done = run(ROOT, sys.executable, "-c", program)
    assert done.returncode == 0, done.stderr


def test_two_models_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_copied_file.py").write_text(NEW_MODEL.replace("tiny", "vit"))
    monkeypatch.setattr(darkroom.models, "__path__", [*darkroom.models.__path__, str(tmp_path)])
    _all_architectures.cache_clear()
    with pytest.raises(TypeError, match=r"both darkroom\.models\..* and darkroom\.models\..* have a model vit"):
        architectures()
    _all_architectures.cache_clear()


def test_models_are_listed_and_the_layers_of_one_model() -> None:
    listed = run(ROOT, "python", "-m", "darkroom", "models").stdout
    for name, weights in WEIGHTS.items():
        assert re.search(rf"^{name} +{weights:,} ", listed, re.MULTILINE)
    assert {line.split()[0] for line in listed.splitlines()[1:]} == architectures().keys()
    assert re.search("^resnet18 .* 555,422,720 ", listed, re.MULTILINE), "He et al. state 0.56 billion"
    layers = run(ROOT, "python", "-m", "darkroom", "models", "simple_cnn", "--side", "64", "--classes", "200").stdout
    assert re.search(r"^0 +Conv2d +896 +32×64×64$", layers, re.MULTILINE)
    assert re.search(r"^14 +Linear +25,800 +200$", layers, re.MULTILINE)
    unknown = run(ROOT, "python", "-m", "darkroom", "models", "resnet19")
    assert unknown.returncode == 1
    assert unknown.stderr.splitlines() == ["darkroom.__main__: error: resnet19: is no model; did you mean resnet18?"]


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
    assert covariance[-1, -1] > 0.9, "the direction of the largest variance is scaled to a variance of about 1"


@pytest.mark.parametrize("depth", [3, 4, 5])
@pytest.mark.parametrize("name", ["unet", "fpn", "deeplabv3plus"])
def test_segmentation_models_give_logits_for_each_pixel(name: str, depth: int) -> None:
    model = architecture(name, encoder_depth=depth).build(4, (32, 32)).eval()
    assert model(torch.zeros(1, 3, 64, 96)).shape == (1, 4, 64, 96)


def test_unknown_encoder_is_refused() -> None:
    with pytest.raises(UserError, match="model.encoder = resnet19"):
        architecture("unet", encoder="resnet19").build(4, (32, 32))


def test_encoder_weights_are_needed_to_build_but_not_to_load_a_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    pretrained = {"name": "unet", "encoder_weights": "imagenet"}
    with pytest.raises(UserError, match="encoder_weights = imagenet: cannot be downloaded; check the network"):
        architecture(**pretrained).build(2, (32, 32))
    with pytest.raises(UserError, match="encoder_weights = imagenat: Wrong pretrained weights"):
        architecture("unet", encoder_weights="imagenat").build(2, (32, 32))
    model = architecture("unet").build(2, (32, 32))
    save_model(
        Path("model"), model, Card("segmentation", pretrained, ["a", "b"], [32, 32], [0.5] * 3, [0.2] * 3, "fp32")
    )
    assert load_model(Path("model"), torch.device("cpu"))[1].model == pretrained


def test_older_model_files_load_and_files_of_unknown_models_are_refused(folder: Path) -> None:
    model = architecture("vit", depth=1).build(2, (32, 32))
    older = {"name": "vit", "widths": None, "dropout": 0.0, "attention": None, "depth": 1}
    save_model(Path("model"), model, Card("classification", older, ["a", "b"], [32, 32], [0.5] * 3, [0.2] * 3, "fp32"))
    assert load_model(Path("model"), CPU)[1].architecture == architecture("vit", depth=1)
    newer = {"name": "vit5"}
    save_model(Path("model"), model, Card("classification", newer, ["a", "b"], [32, 32], [0.5] * 3, [0.2] * 3, "fp32"))
    with pytest.raises(UserError, match="model: model.name = 'vit5': is not known here; did you mean vit"):
        load_model(Path("model"), CPU)


def test_model_file_is_complete_and_reproducible(folder: Path) -> None:
    model = architecture("fast_cnn", widths=[8, 8, 8]).build(2, (32, 32)).eval()
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
def test_files_without_a_model_are_refused(folder: Path, content: bytes | str) -> None:
    if content == "no card":
        save_file({"w": torch.zeros(1)}, "model")
    elif content != "missing":
        Path("model").write_bytes(content)
    with pytest.raises(UserError, match="no such file|not a model file"):
        load_model(Path("model"), CPU)


def test_wide_resnets_without_shortcuts_or_normalization() -> None:
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for option, absent in (("residual", "shortcut"), ("normalization", "norm")):
        model = architecture("wrn_16_1", **{option: False}).build(10, (32, 32))
        assert not any(absent in name for name, _ in model.named_parameters())
        assert model(images).isfinite().all()
    block = architecture("wrn_16_1", residual=False).build(10, (32, 32))[1]
    torch.nn.init.zeros_(block.conv2.weight)
    assert not block(torch.rand(1, 16, 8, 8)).any(), "no shortcut bypasses the convolutions"
