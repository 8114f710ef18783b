"""Training steps on CUDA tensors without a GPU: PyTorch's fake tensors have a shape and a device but no values.

An operation that needs a value would wait for the GPU; on fake tensors it raises an error. So does an operation on
tensors of two devices. Backward passes do not run on fake tensors. The pixel operations of the policies and of jitter
are not tested here: they are planned on the CPU.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_runs import architecture
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode

import darkroom.losses
import darkroom.training.optimizers
from darkroom.batches.augmentations import Epoch, Rows, draw_all
from darkroom.batches.mixes import mix, mixes
from darkroom.batches.normalize import mask_targets, normalize
from darkroom.batches.parameters import ImageAugmentation
from darkroom.common.named import classes_in
from darkroom.losses._base import Loss
from darkroom.metrics.classes import AccuracyTally, OverlapTally
from darkroom.metrics.errors import ErrorTally
from darkroom.models.architecture import architectures
from darkroom.training.contrastive import contrastive_loss
from darkroom.training.optimizers._base import OptimizerOptions, build_optimizer
from darkroom.training.state import _averaging

CUDA = torch.device("cuda", 0)
MODE = FakeTensorMode()  # shared by all tests, because cached constants of a device are fake too
LOSSES = classes_in(darkroom.losses.__name__, Loss)
OPTIMIZERS = classes_in(darkroom.training.optimizers.__name__, OptimizerOptions)


def make_fake(module: nn.Module) -> nn.Module:
    """Replace all weights and buffers by fake tensors on the GPU."""

    def fake(tensor: Tensor) -> Tensor:
        return torch.empty(tensor.shape, dtype=tensor.dtype, device=CUDA)

    for part in module.modules():
        part._parameters.update(
            {name: nn.Parameter(fake(value)) for name, value in part._parameters.items() if value is not None}
        )
        part._buffers.update({name: fake(value) for name, value in part._buffers.items() if value is not None})
    return module


def losses_of(kind: str) -> list[Loss]:
    return [loss() for loss in LOSSES.values() if kind in loss.KINDS]


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", architectures("classification"))
def test_classifiers_run_without_waiting(name: str, precision: torch.dtype) -> None:
    model = architecture(name).build(10, (32, 32))
    with MODE:
        make_fake(model)
        images, targets = torch.empty(4, 3, 32, 32, device=CUDA), torch.empty(4, dtype=torch.int64, device=CUDA)
        with torch.autocast("cuda", precision):
            logits = model(images)
        tally = AccuracyTally(10, CUDA)
        for loss in losses_of("classification"):
            tally.add(logits, targets, loss.compute(logits, targets, 0.1, torch.empty(10, device=CUDA)))
        assert logits.device == tally.cells.device == CUDA


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", architectures("segmentation"))
def test_segmentation_models_run_without_waiting(name: str, precision: torch.dtype) -> None:
    model = architecture(name, encoder_depth=4).build(3, (64, 64))
    with MODE:
        make_fake(model)
        images = normalize(torch.empty(2, 64, 64, 3, dtype=torch.uint8, device=CUDA), [0.5] * 3, [0.25] * 3)
        targets = mask_targets(torch.empty(2, 64, 64, dtype=torch.uint8, device=CUDA))
        with torch.autocast("cuda", precision):
            logits = model(images)
        tally = OverlapTally(3, CUDA)
        for loss in losses_of("segmentation"):
            tally.add(logits, targets, loss.compute(logits, targets, 0.1, torch.empty(3, device=CUDA)))
        assert logits.device == tally.cells.device == CUDA


def test_point_models_run_without_waiting() -> None:
    model = architecture("mlp", widths=[8]).build(1, (2,))
    with MODE:
        predicted = make_fake(model)(torch.empty(5, 2, device=CUDA))
        targets, tally = torch.empty(5, 1, device=CUDA), ErrorTally(CUDA)
        for loss in losses_of("regression"):
            tally.add(predicted, targets, loss.compute(predicted, targets, 0.0, None))
        assert tally.variation.device == CUDA


def test_augmentation_runs_without_waiting() -> None:
    options = ImageAugmentation(flip="random", crop=2, cutout=4)
    drawn = draw_all(options, Epoch(0, 0, (16, 16), torch.arange(8), torch.zeros(8), torch.device("cpu")))
    assert len(drawn) == 3
    with MODE:
        rows, labels = torch.empty(4, dtype=torch.int64, device=CUDA), torch.empty(4, dtype=torch.int64, device=CUDA)
        images = normalize(torch.empty(4, 16, 16, 3, dtype=torch.uint8, device=CUDA), [0.5] * 3, [0.25] * 3)
        for augmentation in drawn:
            on_gpu = replace(augmentation, draws=MODE.from_tensor(augmentation.draws).to(CUDA))
            images = on_gpu.apply(images, Rows(rows, rows))
        for method in mixes().values():
            mixed, shares = mix(images, labels, 10, [(method, 1.0)], np.random.default_rng(0))
            assert mixed.device == shares.device == CUDA


def test_contrastive_loss_runs_without_waiting() -> None:
    with MODE:
        features, labels = torch.empty(6, 8, device=CUDA), torch.empty(6, dtype=torch.int64, device=CUDA)
        assert contrastive_loss(features, labels, 0.1).device == CUDA


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_and_weight_averages_run_without_waiting(name: str) -> None:
    model = architecture("fast_cnn", widths=[8, 8, 8]).build(10, (32, 32))
    optimizer = build_optimizer(model, OPTIMIZERS[name](name=name), (32, 32), 0.1, 5e-4, 2.0)
    with MODE:
        fakes = {
            id(weight): torch.nn.Parameter(torch.empty(weight.shape, device=CUDA)) for weight in model.parameters()
        }
        for group in optimizer.param_groups:
            group["params"] = [fakes[id(weight)] for weight in group["params"]]
        for parameter in fakes.values():
            parameter.grad = torch.empty_like(parameter)
        for _ in range(2):
            optimizer.step()
            weights = [parameter.detach() for parameter in fakes.values()]
            _averaging(0.99)([torch.empty_like(weight) for weight in weights], weights, 5)


def test_operations_that_wait_for_the_gpu_raise() -> None:
    with MODE:
        values = torch.empty(4, dtype=torch.int64, device=CUDA)
        for operation in (lambda: values.sum().item(), lambda: torch.bincount(values), values.nonzero):
            with pytest.raises((DataDependentOutputException, DynamicOutputShapeException)):
                operation()
        with pytest.raises(RuntimeError, match="device"):
            values + torch.empty(4)
