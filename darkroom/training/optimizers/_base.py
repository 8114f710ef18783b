"""The base class of the options of all optimizers."""

from abc import abstractmethod
from typing import Any

import torch
from torch import nn

from darkroom.common.parameters import Parameters

# A parameter group of torch.optim with one more key: `lr_factor`, which multiplies the learning rate of the group.
Group = dict[str, Any]


class OptimizerOptions(Parameters):
    """The options of an optimizer. A subclass also has `name: Literal[NAME]`, NAME being the module's name."""

    def group_parameters(
        self, model: nn.Module, input_size: tuple[int, ...], weight_decay: float, bias_lr_factor: float
    ) -> list[Group]:
        """Return two groups: the weights, and the biases and normalizations, which have no weight decay.

        Biases and normalizations are the parameters of one dimension.

        Args:
            model: the network.
            input_size: (height, width) of its images in pixels, or (features,) of points.
            weight_decay: weight decay of the weights.
            bias_lr_factor: factor of the learning rate of biases and normalizations.
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
        """Return the optimizer.

        Args:
            groups: the parameter groups. None is empty.
            lr: learning rate.
        """


def build_optimizer(
    model: nn.Module,
    options: OptimizerOptions,
    input_size: tuple[int, ...],
    lr: float,
    weight_decay: float,
    bias_lr_factor: float = 1.0,
) -> torch.optim.Optimizer:
    """Return the optimizer of all trained parameters of `model`. The arguments are those of the options' methods."""
    groups = options.group_parameters(model, input_size, weight_decay, bias_lr_factor)
    return options.build([group for group in groups if group["params"]], lr)
