"""Optimizers, schedules, losses, class weights, accumulation, clipping, weight averages and early stopping."""

import copy
import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from small_runs import BASE, CPU, DATA, METRICS, MODEL, architecture, classification, prepare_classes, trained
from torch import nn
from torch._inductor.exc import InvalidCxxCompiler

from darkroom.batches.images import ImageBatches
from darkroom.batches.parameters import ImageAugmentation
from darkroom.common.errors import UserError
from darkroom.datasets.description import Description
from darkroom.losses.cross_entropy import cross_entropy
from darkroom.losses.dice import dice_loss
from darkroom.losses.focal import focal_loss
from darkroom.losses.tversky import tversky_loss
from darkroom.models.model_file import load_model
from darkroom.training.class_weights import compute_class_weights
from darkroom.training.loop import Run, epochs_waited, fit
from darkroom.training.optimizers._base import build_optimizer
from darkroom.training.optimizers.muon import orthogonalize, orthogonalize_all, scale_free_filters
from darkroom.training.optimizers.sgd import SgdOptions
from darkroom.training.parameters import TrainParameters
from darkroom.training.schedules._base import learning_rate
from darkroom.training.state import start


def learning_rates(schedule: str | dict, **changes) -> list[float]:
    """The learning rates of 10 epochs of 10 steps. The first epoch is warm-up and the peak is 0.5."""
    hyper = TrainParameters(**BASE | {"epochs": 10, "lr": 0.5, "schedule": schedule} | changes)
    warmup = round(10 * hyper.warmup_epochs)
    return [learning_rate(hyper.schedule, hyper.lr, step, 100, warmup) for step in range(100)]


def test_schedules_warm_up_and_decay() -> None:
    for schedule in ("cosine", "triangular", "multi_step", "constant"):
        assert learning_rates(schedule)[:11] == pytest.approx([0.05 * n for n in range(1, 11)] + [0.5])
        assert learning_rates(schedule, warmup_epochs=0.0)[0] == 0.5
    cosine, triangular = learning_rates("cosine"), learning_rates("triangular")
    assert cosine[55] == pytest.approx(0.25) and triangular[55] == pytest.approx(0.25)
    assert cosine[10:] == sorted(cosine[10:], reverse=True) and 0 < cosine[-1] < 0.001
    assert np.diff(triangular[10:]) == pytest.approx(-0.5 / 90)
    steps = learning_rates({"name": "multi_step", "milestones": [0.3, 0.6], "gamma": 0.2})
    assert steps[29:31] == pytest.approx([0.5, 0.1]) and steps[59:61] == pytest.approx([0.1, 0.02])
    assert set(learning_rates("constant")[10:]) == {0.5}


def test_focal_loss_and_class_weights_match_their_definitions() -> None:
    logits, targets = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.2, 0.1], [0.0, 0.0, 3.0]]), torch.tensor([0, 2, -100])
    p = logits.softmax(1)[[0, 1], [0, 2]]
    assert float(focal_loss(logits, targets)) == pytest.approx(float((-((1 - p) ** 2) * p.log()).mean()))
    weights = compute_class_weights("balanced", torch.tensor([[10, 0, 10], [20, 0, 0]]))
    expected = compute_class_weight("balanced", classes=np.array([0, 2]), y=[0] * 30 + [2] * 10)
    assert weights[[0, 2]].tolist() == pytest.approx(expected.tolist()) and weights[1] == 0
    weighted = (-(p.log()) * weights[[0, 2]]).sum() / weights[[0, 2]].sum()
    assert float(cross_entropy(logits, targets, class_weights=weights)) == pytest.approx(float(weighted))
    weighted = (-((1 - p) ** 2) * p.log() * weights[[0, 2]]).sum() / weights[[0, 2]].sum()
    assert float(focal_loss(logits, targets, class_weights=weights)) == pytest.approx(float(weighted))


def test_median_frequency_weights_match_the_paper() -> None:
    counts = torch.tensor([[60, 40, 0, 0], [90, 0, 10, 0], [50, 50, 0, 0]])
    frequency = np.array([200 / 300, 90 / 200, 10 / 100])
    expected = np.median(frequency) / frequency
    assert compute_class_weights("median_frequency", counts).tolist() == pytest.approx([*expected, 0.0])
    assert compute_class_weights([1.0, 2.0, 0.0, 0.5], counts).tolist() == [1.0, 2.0, 0.0, 0.5]
    with pytest.raises(UserError, match="has 2 weights, but there are 4 classes"):
        compute_class_weights([1.0, 2.0], counts)


def test_tversky_loss_weights_missed_pixels_more_than_false_ones() -> None:
    logits = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    targets = torch.randint(3, (2, 4, 5), generator=torch.Generator().manual_seed(1))
    targets[0, 0] = -100
    valid = (targets >= 0)[:, None].float()
    p = logits.softmax(1) * valid
    truth = torch.nn.functional.one_hot(targets.clamp(min=0), 3).movedim(-1, 1) * valid
    right = (p * truth).sum((0, 2, 3))
    false, missed = (p * (1 - truth)).sum((0, 2, 3)), ((valid - p) * truth).sum((0, 2, 3))
    expected = (1 - right / (right + 0.3 * false + 0.7 * missed)).mean()
    assert float(tversky_loss(logits, targets)) == pytest.approx(float(expected), abs=1e-5)


def test_muon_steps_are_orthogonal() -> None:
    for shape in ((16, 72), (72, 16)):
        matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        u, singular, v = torch.linalg.svd(matrix, full_matrices=False)
        inner = u.T @ orthogonalize(matrix) @ v.T
        assert torch.allclose(inner, torch.diag(inner.diagonal()), atol=1e-4), "the singular vectors do not change"
        assert singular.max() / singular.min() > 2
        assert inner.diagonal().min() > 0.5 and inner.diagonal().max() < 1.3


def test_muon_updates_filters_before_normalizations_and_sgd_the_rest() -> None:
    hyper = TrainParameters(**BASE | {"optimizer": "muon", "lr": 0.1})
    model = architecture("fast_cnn", widths=[8, 8, 16]).build(4, (32, 32))
    reference = copy.deepcopy(model)
    muon = build_optimizer(model, hyper.optimizer, (32, 32), hyper.lr, hyper.weight_decay)
    sgd = build_optimizer(reference, SgdOptions(name="sgd"), (32, 32), hyper.lr, hyper.weight_decay)
    filters = {name for name, parameter in model.named_parameters() if parameter.ndim == 4} - {"whitening.weight"}
    for _ in range(3):
        before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        for (name, weight), by_sgd in zip(model.named_parameters(), reference.parameters(), strict=True):
            if weight.requires_grad:
                weight.grad = noise_like(weight, name)
                by_sgd.grad = weight.grad.clone()
        muon.step()
        sgd.step()
        for (name, weight), by_sgd in zip(model.named_parameters(), reference.parameters(), strict=True):
            if name in filters:
                normalized = before[name] * len(weight) ** 0.5 / before[name].norm()
                step = (normalized - weight.detach()).flatten(1) / 0.1
                assert 0.2 < torch.linalg.svdvals(step).max() < 1.3, name
            else:
                assert torch.allclose(weight, by_sgd, atol=1e-6), name

    unet = architecture("unet", encoder_depth=3).build(4, (32, 32))
    selected = scale_free_filters(unet, (32, 32))
    assert "encoder.conv1.weight" in selected and "segmentation_head.0.weight" not in selected


def test_muon_selects_convolutions_that_normalization_follows() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.normalized = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.ReLU(), nn.BatchNorm2d(4))
            self.unnormalized = nn.Conv2d(4, 4, 1, bias=False)
            self.depthwise = nn.Sequential(nn.Conv2d(4, 4, 1, groups=4, bias=False), nn.BatchNorm2d(4))
            self.with_gelu = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), nn.GELU(), nn.BatchNorm2d(4))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.with_gelu(self.depthwise(self.unnormalized(self.normalized(images))))

    assert scale_free_filters(Mixed(), (8, 8)) == {"normalized.0.weight"}
    plain = architecture("wrn_16_1", normalization=False).build(4, (32, 32))
    assert scale_free_filters(plain, (32, 32)) == set()


@pytest.mark.parametrize("name", ["fast_cnn", "resnet18", "resnet50", "dla34", "vgg16_bn"])
def test_muon_selects_only_filters_whose_scale_has_no_effect(name: str) -> None:
    torch.manual_seed(0)
    model = architecture(name).build(4, (32, 32)).train()
    images = torch.randn(4, 3, 32, 32)
    selected = scale_free_filters(model, (32, 32))
    assert len(selected) >= 7
    with torch.no_grad():
        torch.manual_seed(1)
        before = model(images)
        for parameter_name, parameter in model.named_parameters():
            if parameter_name in selected:
                parameter.mul_(3)
        torch.manual_seed(1)
        assert torch.allclose(model(images), before, rtol=0.02, atol=0.02 * float(before.abs().max()))


def test_filters_orthogonalized_together_equal_those_orthogonalized_alone() -> None:
    draw = torch.Generator().manual_seed(0)
    filters = [torch.randn(8, 4, 3, 3, generator=draw) for _ in range(3)] + [torch.randn(40, 4, 3, 3, generator=draw)]
    for one_filter, result in zip(filters, orthogonalize_all(filters, orthogonalize), strict=True):
        assert torch.allclose(result, orthogonalize(one_filter.flatten(1)).view_as(one_filter), atol=1e-5)


def test_filters_are_orthogonalized_in_the_format_of_autocast() -> None:
    matrices = torch.randn(2, 16, 24, generator=torch.Generator().manual_seed(0))
    exact = orthogonalize(matrices)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = orthogonalize(matrices)
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, exact)
    assert torch.equal(rounded, rounded.bfloat16().float()), "all of it, the result too"
    assert torch.allclose(rounded, exact, atol=0.02)


def noise_like(parameter: torch.Tensor, name: str) -> torch.Tensor:
    return torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name)))


def test_accumulated_batches_give_the_step_of_one_large_batch(folder: Path) -> None:
    """The network has no batch normalization, because its statistics depend on the batch size."""
    prepare_classes()
    large = train_plain_network(batch_size=12, accumulate=1)
    accumulated = train_plain_network(batch_size=6, accumulate=2)
    small = train_plain_network(batch_size=6, accumulate=1)
    assert all(torch.allclose(one, two, atol=1e-5) for one, two in zip(large, accumulated, strict=True))
    assert not all(torch.allclose(one, two, atol=1e-5) for one, two in zip(large, small, strict=True))


def train_plain_network(**changes) -> list[torch.Tensor]:
    """Train for one epoch on images without augmentation and return the parameters of the network."""
    fixed = {"epochs": 1, "warmup_epochs": 0.0, "clip_norm": 0.5, "schedule": "constant", "weight_decay": 0.0}
    hyper = TrainParameters(**BASE | fixed | changes)
    unchanged = ImageAugmentation(flip="none", crop=0, cutout=0)
    batches = ImageBatches(DATA, Description.read(DATA), unchanged, hyper.batch_size, 0, CPU)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.GELU(), torch.nn.Flatten(), torch.nn.LazyLinear(2))
    model(batches.sample(2))
    state = start(model, hyper, (32, 32), CPU, "fp32")
    fit(state, batches, lambda: iter(()), Run("classification", 2, hyper, 0, CPU, "fp32"), lambda state: None)
    return [parameter.detach() for parameter in model.parameters()]


def test_gradients_are_clipped(folder: Path) -> None:
    prepare_classes()
    loosely_clipped = train_plain_network(batch_size=36)
    strictly_clipped = train_plain_network(batch_size=36, clip_norm=1e-9)
    without_step = train_plain_network(batch_size=36, lr=1e-12)
    assert all(torch.allclose(one, two, atol=1e-6) for one, two in zip(strictly_clipped, without_step, strict=True))
    assert not all(torch.allclose(one, two, atol=1e-6) for one, two in zip(loosely_clipped, without_step, strict=True))


def test_average_of_the_weights_is_kept(folder: Path) -> None:
    prepare_classes()
    assert trained(classification(keep="last"))[0] != trained(classification(keep="last", ema=0.5))[0]
    assert averaged_weight([1.0, 2.0, 4.0], ema=0.1) == pytest.approx(0.1 * (0.1 * 1 + 0.9 * 2) + 0.9 * 4)
    after_two = 2 / 11 * 1 + 9 / 11 * 2
    assert averaged_weight([1.0, 2.0, 4.0], ema=0.99) == pytest.approx(3 / 12 * after_two + 9 / 12 * 4)
    assert averaged_weight([0.0] * 1000 + [1.0], ema=0.99) == pytest.approx(0.01)


def averaged_weight(weights: list[float], ema: float) -> float:
    model = torch.nn.Linear(1, 1, bias=False)
    state = start(model, TrainParameters(**BASE | {"ema": ema}), (32, 32), CPU, "fp32")
    for weight in weights:
        model.weight.data.fill_(weight)
        state.average.update_parameters(model)
    return float(state.evaluated.weight.detach())


def test_training_stops_early_without_improvement(folder: Path) -> None:
    assert epochs_waited([0.5, 0.6, 0.6005, 0.6009], 0.001) == 2
    assert epochs_waited([0.5, 0.6, 0.6005, 0.6011, 0.6], 0.001) == 1
    assert epochs_waited([], 0.001) == 0
    prepare_classes()
    _, history = trained(classification(epochs=30, patience=3, lr=0.01))
    rows = len(history.splitlines()) - 1
    report = json.loads((METRICS / "train.json").read_text())
    assert report["epochs"] == rows < 30
    scores = [float(row["validation_accuracy"]) for row in csv.DictReader(history.decode().splitlines())]
    assert scores.index(max(scores)) + 1 == rows - 3, "no later epoch was better, but some may be as good"
    assert scores[report["kept_epoch"] - 1] == max(scores)
    assert report["generalization_gap"] == pytest.approx(report["train_accuracy"] - report["validation_accuracy"])
    prepare_classes(validation=0)
    with pytest.raises(UserError, match="train.patience: there is no validation split"):
        trained(classification(patience=3))


@pytest.mark.parametrize(("loss", "false_weight"), [(dice_loss, 0.5), (tversky_loss, 0.3)])
def test_overlap_losses_average_over_the_classes_that_occur(loss, false_weight: float) -> None:
    """Of twenty classes only two occur. The other eighteen do not change the loss."""
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 20, 6, 5, generator=draw)
    targets = 3 * torch.randint(2, (2, 6, 5), generator=draw)
    targets[0, 0] = -100
    p = logits.softmax(1).numpy().transpose(0, 2, 3, 1)[targets.numpy() >= 0]
    truth = targets.numpy()[targets.numpy() >= 0]
    expected = []
    for label in (0, 3):
        right = p[truth == label, label].sum()
        wrong, missed = p[truth != label, label].sum(), (1 - p[truth == label, label]).sum()
        expected.append(1 - right / (right + false_weight * wrong + (1 - false_weight) * missed))
    assert float(loss(logits, targets)) == pytest.approx(float(np.mean(expected)), abs=1e-5)
    all_ignored = torch.full_like(targets, -100)
    logits.requires_grad_()
    loss(logits, all_ignored).backward()
    assert loss(logits, all_ignored).item() == 0 and not logits.grad.any()


def test_train_compile_reaches_muon_and_the_compiled_steps_are_those_of_eager_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_classes()
    compiled: list[object] = []
    compile_it = torch.compile

    def compile_eagerly(target: object, dynamic: bool | None = None) -> object:
        compiled.append(target)
        return compile_it(target, backend="eager", dynamic=dynamic)

    monkeypatch.setattr(torch, "compile", compile_eagerly)
    weights = []
    for is_compiled in (False, True):
        trained(classification(optimizer="muon", epochs=1, warmup_epochs=0, compile=is_compiled))
        weights.append(load_model(MODEL, CPU)[0].state_dict())
    assert orthogonalize in compiled and len(compiled) == 2
    for name, eager in weights[0].items():
        assert torch.allclose(weights[1][name], eager, atol=1e-4), name


def test_missing_compiler_ends_in_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiles_nothing(*_: object, **__: object) -> None:
        raise InvalidCxxCompiler

    prepare_classes()
    compile_it = torch.compile
    monkeypatch.setattr(torch, "compile", lambda target, **_: compile_it(target, backend=compiles_nothing))
    with pytest.raises(UserError, match=r"train.compile = true: .*No working C\+\+ compiler found.* set it to false"):
        trained(classification(epochs=1, warmup_epochs=0, compile=True))
