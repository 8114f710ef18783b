"""Muon (Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024)."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from darkroom.training.optimizers._base import Group, OptimizerOptions

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # Jordan's coefficients: singular values come near 1 in few steps
NEWTON_SCHULZ_STEPS = 3


class MuonOptions(OptimizerOptions):
    """Muon for convolutions that are followed by a normalization, and SGD with Nesterov momentum for the rest."""

    name: Literal["muon"]
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Nesterov momentum of SGD."""
    filter_momentum: float = Field(default=0.6, ge=0, lt=1)
    """Nesterov momentum of Muon, for the convolutions."""

    def group_parameters(self, model: nn.Module, weight_decay: float, bias_lr_factor: float) -> list[Group]:
        """Return the two groups of SGD, and one for Muon."""
        named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        filters = [named[name] for name in sorted(scale_free_filters(model) & named.keys())]
        filter_ids = {id(parameter) for parameter in filters}
        groups = super().group_parameters(model, weight_decay, bias_lr_factor)
        for group in groups:
            group["params"] = [parameter for parameter in group["params"] if id(parameter) not in filter_ids]
        return [*groups, {"params": filters, "lr_factor": 1.0, "momentum": self.filter_momentum, "orthogonal": True}]

    def build(self, groups: list[Group], lr: float) -> torch.optim.Optimizer:
        """Return `Muon`."""
        return Muon(groups, lr, self.momentum)


def scale_free_filters(model: nn.Module) -> set[str]:
    """Return the names of the weights of convolutions before a normalization, which cancels the weights' scale.

    They are found as the convolutions without bias, since before a normalization a bias would have no effect either.
    """
    return {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d) and module.bias is None
    }


class Muon(torch.optim.Optimizer):
    """SGD with Nesterov momentum. In groups with the key `orthogonal`, the update is made orthogonal.

    As in Jordan's "94% on CIFAR-10 in 2.59 seconds", a filter bank (o, i, h, w) is treated as a matrix (o, i·h·w) and
    scaled to the Frobenius norm √o before each step. PyTorch's Muon takes only matrices, and timm's does not scale.
    """

    def __init__(self, groups: list[Group], lr: float, momentum: float) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0, "orthogonal": False})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override] # no closure is called
        """Update all parameters from their gradients."""
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
    """Approximate the orthogonal matrix nearest to `matrix`, float (m, n), with the same singular vectors.

    This is the quintic Newton-Schulz iteration of Jordan et al. (2024). Its few steps bring the singular values near 1,
    except those that are small compared with the Frobenius norm.
    """
    a, b, c = NEWTON_SCHULZ
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    result: Tensor = wide.T if matrix.shape[0] > matrix.shape[1] else wide
    return result
