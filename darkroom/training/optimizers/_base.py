"""What all optimizers have in common."""

from abc import abstractmethod
from typing import Any

import torch
from torch import nn

from darkroom.common.parameters import Parameters

Group = dict[str, Any]  # of parameters, as torch.optim takes it, and `lr_factor`, which scales its learning rate


class OptimizerOptions(Parameters):
    """The options of an optimizer. A subclass also has `name: Literal[NAME]`."""

    def group_parameters(self, model: nn.Module, weight_decay: float, bias_lr_factor: float) -> list[Group]:
        """Return the trained parameters in groups: weights, and all of one dimension without weight decay.

        Parameters of one dimension are biases and normalizations.

        Args:
            model: the network.
            weight_decay: of the weights.
            bias_lr_factor: by how much parameters of one dimension learn faster.
        """
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        weights = [parameter for parameter in trained if parameter.ndim > 1]
        others = [parameter for parameter in trained if parameter.ndim <= 1]
        return [
            {"params": weights, "weight_decay": weight_decay, "lr_factor": 1.0},
            {"params": others, "weight_decay": 0.0, "lr_factor": bias_lr_factor},
        ]

    @abstractmethod
    def build(self, groups: list[Group], lr: float) -> torch.optim.Optimizer:
        """Return the optimizer of these groups, none of them empty."""


def build_optimizer(
    model: nn.Module, options: OptimizerOptions, lr: float, weight_decay: float, bias_lr_factor: float = 1.0
) -> torch.optim.Optimizer:
    """Return the optimizer of all parameters of `model` that are trained."""
    groups = options.group_parameters(model, weight_decay, bias_lr_factor)
    return options.build([group for group in groups if group["params"]], lr)
