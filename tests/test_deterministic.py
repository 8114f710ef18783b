"""No model or loss uses an operation that CUDA cannot compute deterministically. The check needs no GPU."""

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

# Operations for which CUDA raises an error in deterministic mode, by their names in autograd:
# https://docs.pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
# Bilinear interpolation is not among them: PyTorch has another implementation of it for deterministic mode.
NONDETERMINISTIC = re.compile(
    "Adaptive(Avg|Max)Pool|AvgPool3D|Fractional|MaxUnpool|ReflectionPad|Upsample(Bicubic|Linear1D|Trilinear)|"
    "NllLoss2D|Ctc|EmbeddingBag|Put|Histc|Median|GridSampler"
)
MODELS = [
    *(architecture(name) for name in architectures("classification")),
    *(architecture("resnet18", attention=attention) for attention in ("se", "cbam")),
    *(architecture(name) for name in architectures("segmentation")),
]


def nondeterministic_operations(result: Tensor) -> set[str]:
    """Names of the operations in the autograd graph of `result` that are not deterministic on CUDA."""
    seen, waiting = set(), [result.grad_fn]
    while waiting:
        operation = waiting.pop()
        if operation is not None and operation not in seen:
            seen.add(operation)
            waiting += [earlier for earlier, _ in operation.next_functions]
    return {type(operation).__name__ for operation in seen if NONDETERMINISTIC.search(type(operation).__name__)}


@pytest.mark.parametrize("side", [32, 160])
@pytest.mark.parametrize("parameters", MODELS, ids=lambda model: f"{model.name}-{getattr(model, 'attention', None)}")
def test_models_use_only_deterministic_operations(parameters: Architecture, side: int) -> None:
    with torch.device("meta"):  # computes shapes, no values
        model = parameters.build(3, (side, side))
        assert nondeterministic_operations(model(torch.rand(2, 3, side, side)).sum()) == set()


LOSSES = classes_in(darkroom.losses.__name__, Loss)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_use_only_deterministic_operations(name: str) -> None:
    values = torch.rand(2, 3, 8, 8, requires_grad=True)
    targets = torch.rand(2, 3, 8, 8) if name == "squared_error" else torch.zeros(2, 8, 8, dtype=torch.int64)
    assert nondeterministic_operations(LOSSES[name]().compute(values, targets, 0.1, torch.ones(3))) == set()


def test_contrastive_loss_uses_only_deterministic_operations() -> None:
    features = torch.rand(4, 8, requires_grad=True)
    assert nondeterministic_operations(contrastive_loss(features, torch.tensor([0, 0, 1, 1]), 0.1)) == set()


def test_nondeterministic_operations_are_found() -> None:
    images = torch.rand(2, 3, 8, 8, requires_grad=True, device="meta")
    for layer, name in ((nn.AdaptiveAvgPool2d(4), "AdaptiveAvgPool2D"), (nn.ReflectionPad2d(1), "ReflectionPad2D")):
        assert nondeterministic_operations(layer(images).sum()) == {f"{name}Backward0"}
    logits = torch.rand(2, 3, 8, 8, requires_grad=True)
    loss = nn.functional.cross_entropy(logits, torch.zeros(2, 8, 8, dtype=torch.int64))
    assert nondeterministic_operations(loss) == {"NllLoss2DBackward0"}
