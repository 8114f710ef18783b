"""What the models are: size, work, and layer by layer."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from darkroom.common.errors import UserError
from darkroom.common.parameters import nearest
from darkroom.models.parameters import CLASSIFIER_OPTIONS, ClassifierParameters
from darkroom.models.zoo import build_model, trained_weights


def list_models(name: str | None, classes: int, side: int) -> None:
    """Print a line for each classifier, or the layers of the one called `name`, for images of `side` pixels.

    Raises:
        UserError: no model has that name, or it does not fit such images.
    """
    if name is not None:
        _print_layers(name, classes, side)
        return
    print(f"{'name':12} {'parameters':>12} {'multiply-adds':>14}   options")
    for known, options in CLASSIFIER_OPTIONS.items():
        try:
            model = _build(known, classes, side)
        except UserError as error:
            print(f"{known:12} {str(error).rpartition(': ')[2]}")
            continue
        told = ", ".join(f"{key}: {value}" for key, value in options.items())
        print(f"{known:12} {trained_weights(model):12,} {multiply_adds(model, side):14,}   {told}".rstrip())


def multiply_adds(model: nn.Module, side: int) -> int:
    """Of one image of side × side pixels through the model's convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(1, 3, side, side))
    return counter.get_total_flops() // 2


def _print_layers(name: str, classes: int, side: int) -> None:
    model = _build(name, classes, side)
    print(f"{'layer':40} {'kind':20} {'parameters':>12}   output")

    def report(layer: str) -> Callable[[nn.Module, tuple, Tensor], None]:
        def hook(module: nn.Module, _: tuple, output: Tensor) -> None:
            shape = "×".join(str(size) for size in output.shape[1:])
            print(f"{layer:40} {type(module).__name__:20} {trained_weights(module):12,}   {shape}")

        return hook

    for layer, module in model.named_modules():
        if not list(module.children()):
            module.register_forward_hook(report(layer))
    adds = multiply_adds(model, side)
    print(f"{name}: {trained_weights(model):,} parameters, {adds:,} multiply-adds for an image of {side}×{side} pixels")


def _build(name: str, classes: int, side: int) -> nn.Module:
    if name not in CLASSIFIER_OPTIONS:
        raise UserError(f"{name}: is no classifier; {nearest(name, list(CLASSIFIER_OPTIONS))}")
    return build_model(ClassifierParameters(name=name), classes, (side, side))
