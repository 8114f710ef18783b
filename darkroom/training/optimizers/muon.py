"""Muon (Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024)."""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from darkroom.training.optimizers._base import Group, OptimizerOptions

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # Jordan's coefficients: singular values come near 1 in few steps
NEWTON_SCHULZ_STEPS = 3
NORMALIZATIONS = (nn.BatchNorm2d, nn.SyncBatchNorm, nn.InstanceNorm2d, nn.GroupNorm, nn.LayerNorm)
SCALING = (nn.ReLU, nn.LeakyReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Identity)  # twice the input gives twice the output


class MuonOptions(OptimizerOptions):
    """Muon for convolutions that are followed by a normalization, and SGD with Nesterov momentum for the rest."""

    name: Literal["muon"]
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Nesterov momentum of SGD."""
    filter_momentum: float = Field(default=0.6, ge=0, lt=1)
    """Nesterov momentum of Muon, for the convolutions."""

    def group_parameters(
        self, model: nn.Module, input_size: tuple[int, ...], weight_decay: float, bias_lr_factor: float
    ) -> list[Group]:
        """Return the two groups of SGD, and one for Muon."""
        named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        filters = [named[name] for name in sorted(scale_free_filters(model, input_size) & named.keys())]
        filter_ids = {id(parameter) for parameter in filters}
        groups = super().group_parameters(model, input_size, weight_decay, bias_lr_factor)
        for group in groups:
            group["params"] = [parameter for parameter in group["params"] if id(parameter) not in filter_ids]
        return [*groups, {"params": filters, "lr_factor": 1.0, "momentum": self.filter_momentum, "orthogonal": True}]

    def build(self, groups: list[Group], lr: float) -> torch.optim.Optimizer:
        """Return `Muon`."""
        return Muon(groups, lr, self.momentum)


def scale_free_filters(model: nn.Module, input_size: tuple[int, ...]) -> set[str]:
    """Return the names of the weights of convolutions before a normalization, which cancels the weights' scale.

    Pooling and ReLU may stand between them. Convolutions of several groups, as depthwise ones, are no matrices and are
    left out. The model runs once, on tensors without values, to see what follows what.

    Args:
        model: the network.
        input_size: (height, width) of its images in pixels, or (features,) of points.
    """
    convolutions = {name: part for name, part in model.named_modules() if isinstance(part, nn.Conv2d)}
    if not convolutions:
        return set()
    shadow = copy.deepcopy(model).to("meta").eval()
    seen: list[Tensor] = []  # kept, so that no other tensor gets the same id
    sources: dict[int, str] = {}  # name of the convolution that a tensor comes from, by the tensor's id
    found: set[str] = set()

    def note(name: str, part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        source = name if isinstance(part, nn.Conv2d) else sources.get(id(inputs[0])) if inputs else None
        if isinstance(part, NORMALIZATIONS) and source is not None:
            found.add(source)
        elif isinstance(part, (nn.Conv2d, *SCALING)) and source is not None:
            sources[id(output)] = source
            seen.append(output)

    for name, part in shadow.named_modules():
        if isinstance(part, (nn.Conv2d, *NORMALIZATIONS, *SCALING)):
            part.register_forward_hook(lambda part, inputs, output, name=name: note(name, part, inputs, output))
    with torch.no_grad():
        shadow(torch.empty(2, 3, *input_size, device="meta"))
    return {f"{name}.weight" for name in found if convolutions[name].groups == 1}


class Muon(torch.optim.Optimizer):
    """SGD with Nesterov momentum. In groups with the key `orthogonal`, the update is made orthogonal.

    As in Jordan's "94% on CIFAR-10 in 2.59 seconds", a filter bank (o, i, h, w) is treated as a matrix (o, i·h·w) and
    scaled to the Frobenius norm √o before each step. PyTorch's Muon takes only matrices, and timm's does not scale.
    """

    def __init__(self, groups: list[Group], lr: float, momentum: float) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0, "orthogonal": False})
        self.orthogonalize: Callable[[Tensor], Tensor] = orthogonalize

    def compile(self) -> None:
        """Compile the Newton-Schulz iteration, for any shape: one graph for each shape would pass PyTorch's limit."""
        self.orthogonalize = torch.compile(orthogonalize, dynamic=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override] # no closure is called
        """Update all parameters from their gradients, those of a group together: a GPU spends its time on launches."""
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not parameters:
                continue
            for parameter in parameters:
                if "momentum" not in self.state[parameter]:
                    self.state[parameter]["momentum"] = torch.zeros_like(parameter)
            momenta = [self.state[parameter]["momentum"] for parameter in parameters]
            raw = [parameter.grad for parameter in parameters]
            gradients = torch._foreach_add(raw, parameters, alpha=group["weight_decay"])
            torch._foreach_mul_(momenta, group["momentum"])
            torch._foreach_add_(momenta, gradients)
            steps = list(torch._foreach_add(gradients, momenta, alpha=group["momentum"]))
            if group["orthogonal"]:
                steps = orthogonalize_all(steps, self.orthogonalize)
                norms = torch._foreach_norm(parameters)
                scales = [math.sqrt(len(one)) / norm for one, norm in zip(parameters, norms, strict=True)]
                torch._foreach_mul_(parameters, scales)
            torch._foreach_add_(parameters, steps, alpha=-group["lr"])


def orthogonalize_all(filters: Sequence[Tensor], orthogonalize: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """Orthogonalize filter banks (o, i, h, w), those of one shape together, by `orthogonalize`, perhaps compiled."""
    places: dict[torch.Size, list[int]] = {}
    for place, bank in enumerate(filters):
        places.setdefault(bank.shape, []).append(place)
    results = list(filters)
    for shape, same in places.items():
        stacked = torch.stack([filters[place].flatten(1) for place in same])
        for place, matrix in zip(same, orthogonalize(stacked), strict=True):
            results[place] = matrix.reshape(shape)
    return results


def orthogonalize(matrices: Tensor) -> Tensor:
    """Approximate the orthogonal matrices nearest to `matrices`, float (…, m, n), with the same singular vectors.

    This is the quintic Newton-Schulz iteration of Jordan et al. (2024). Its few steps bring the singular values near 1,
    except those that are small compared with the Frobenius norm. If autocast is on, it computes in that number format;
    they use bfloat16.
    """
    a, b, c = NEWTON_SCHULZ
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    wide = matrices.mT if is_tall else matrices
    wide = wide / (wide.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    if torch.is_autocast_enabled(matrices.device.type):
        wide = wide.to(torch.get_autocast_dtype(matrices.device.type))
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = wide @ wide.mT
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    result: Tensor = (wide.mT if is_tall else wide).to(matrices.dtype)
    return result
