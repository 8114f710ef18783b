"""The optimizers by name, and which of a model's parameters each of them takes how."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from darkroom.training.parameters import TrainParameters

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # of Jordan: quick to about 1, and near it from there on
NEWTON_SCHULZ_STEPS = 3
FILTERS_MOMENTUM = 0.6


def build_optimizer(model: nn.Module, hyper: TrainParameters, bias_lr_factor: float = 1.0) -> torch.optim.Optimizer:
    """The optimizer of `hyper` over all that `model` trains; each group's `lr_factor` scales its learning rate.

    Biases and normalizations, all of one dimension, have no weight decay.
    """
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    scale_free = _scale_free_filters(model) if hyper.optimizer == "muon" else set()
    groups = [
        {
            "params": [p for name, p in trained.items() if p.ndim > 1 and name not in scale_free],
            "weight_decay": hyper.weight_decay,
            "lr_factor": 1.0,
        },
        {
            "params": [p for p in trained.values() if p.ndim <= 1],
            "weight_decay": 0.0,
            "lr_factor": bias_lr_factor,
        },
    ]
    if scale_free:
        filters = [trained[name] for name in sorted(scale_free & trained.keys())]
        groups.append({"params": filters, "lr_factor": 1.0, "momentum": FILTERS_MOMENTUM, "orthogonal": True})
    return OPTIMIZERS[hyper.optimizer]([group for group in groups if group["params"]], hyper)


def _scale_free_filters(model: nn.Module) -> set[str]:
    """Names of the convolutions' weights that a normalization follows, so that their scale means nothing.

    They are known by having no bias, which the normalization would take away.
    """
    return {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d) and module.bias is None
    }


class Muon(torch.optim.Optimizer):
    """SGD with Nesterov momentum, the steps of groups with `orthogonal` made orthogonal.

    After Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024), and its use on
    convolutions in "94% on CIFAR-10 in 2.59 seconds": a filter bank (o, i, h, w) counts as a matrix
    (o, i·h·w) and is brought back to the Frobenius norm √o before each step. torch.optim.Muon takes
    matrices alone.
    """

    def __init__(self, groups: list[dict], lr: float, momentum: float) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0, "orthogonal": False})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                gradient = parameter.grad.add(parameter, alpha=group["weight_decay"])
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                step = gradient.add(state["momentum"].mul_(group["momentum"]).add_(gradient), alpha=group["momentum"])
                if group["orthogonal"]:
                    step = orthogonalize(step.flatten(1)).view_as(parameter)
                    parameter.mul_(math.sqrt(len(parameter)) / parameter.norm())
                parameter.add_(step, alpha=-group["lr"])


def orthogonalize(matrix: Tensor) -> Tensor:
    """About the orthogonal matrix next to `matrix`, float (m, n): the same singular vectors, the values near 1.

    By the quintic Newton-Schulz iteration of Jordan et al. (2024), whose few steps leave values small that were
    small against the Frobenius norm.
    """
    a, b, c = NEWTON_SCHULZ
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide


OPTIMIZERS: dict[str, Callable[[list[dict], TrainParameters], torch.optim.Optimizer]] = {
    "sgd": lambda groups, hyper: torch.optim.SGD(
        groups, lr=hyper.lr, momentum=hyper.momentum, nesterov=hyper.momentum > 0
    ),
    # Fused, since the square root of the other forms is MKL's, which rounds otherwise on other processors.
    "adamw": lambda groups, hyper: torch.optim.AdamW(groups, lr=hyper.lr, fused=True),
    "muon": lambda groups, hyper: Muon(groups, hyper.lr, hyper.momentum),
}
