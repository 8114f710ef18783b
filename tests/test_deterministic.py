"""Whether a GPU could train alike at every run, seen from the operations alone: there may be none here."""

import re

import pytest
import torch
from small_runs import architecture
from torch import Tensor, nn

import darkroom.losses
from darkroom.common.named import classes_in
from darkroom.losses._base import Loss
from darkroom.models.architecture import Architecture, architectures
from darkroom.training.contrastive import contrastive_loss

# What CUDA refuses to do where it must be the same at every run, by the names that autograd gives it:
# https://docs.pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
# Not so bilinear interpolation, which PyTorch does in another way there.
REFUSED = re.compile(
    "Adaptive(Avg|Max)Pool|AvgPool3D|Fractional|MaxUnpool|ReflectionPad|Upsample(Bicubic|Linear1D|Trilinear)|"
    "NllLoss2D|Ctc|EmbeddingBag|Put|Histc|Median|GridSampler"
)
MODELS = [
    *(architecture(name) for name in architectures("classification")),
    *(architecture("resnet18", attention=attention) for attention in ("se", "cbam")),
    *(architecture(name) for name in architectures("segmentation")),
]


def refused(result: Tensor) -> set[str]:
    """Those of the operations that led to `result` whose gradients CUDA refuses."""
    found, left = set(), [result.grad_fn]
    while left:
        operation = left.pop()
        if operation is not None and operation not in found:
            found.add(operation)
            left += [earlier for earlier, _ in operation.next_functions]
    return {type(operation).__name__ for operation in found if REFUSED.search(type(operation).__name__)}


@pytest.mark.parametrize("side", [32, 160])
@pytest.mark.parametrize("parameters", MODELS, ids=lambda own: f"{own.name}-{getattr(own, 'attention', None)}")
def test_models_take_no_operation_that_cuda_refuses(parameters: Architecture, side: int) -> None:
    with torch.device("meta"):  # shapes alone
        model = parameters.build(3, (side, side))
        assert refused(model(torch.rand(2, 3, side, side)).sum()) == set()


LOSSES = classes_in(darkroom.losses.__name__, Loss)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_take_no_operation_that_cuda_refuses(name: str) -> None:
    values = torch.rand(2, 3, 8, 8, requires_grad=True)
    targets = torch.rand(2, 3, 8, 8) if name == "squared_error" else torch.zeros(2, 8, 8, dtype=torch.int64)
    assert refused(LOSSES[name]().compute(values, targets, 0.1, torch.ones(3))) == set()


def test_contrastive_loss_takes_no_operation_that_cuda_refuses() -> None:
    features = torch.rand(4, 8, requires_grad=True)
    assert refused(contrastive_loss(features, torch.tensor([0, 0, 1, 1]), 0.1)) == set()


def test_refused_operations_are_found() -> None:
    images = torch.rand(2, 3, 8, 8, requires_grad=True, device="meta")
    for layer, name in ((nn.AdaptiveAvgPool2d(4), "AdaptiveAvgPool2D"), (nn.ReflectionPad2d(1), "ReflectionPad2D")):
        assert refused(layer(images).sum()) == {f"{name}Backward0"}
    logits = torch.rand(2, 3, 8, 8, requires_grad=True)
    assert refused(nn.functional.cross_entropy(logits, torch.zeros(2, 8, 8, dtype=torch.int64))) == {
        "NllLoss2DBackward0"
    }
