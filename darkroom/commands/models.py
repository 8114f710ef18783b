"""List the models with their parameters and multiply-adds, or the layers of one model."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from darkroom.common.errors import UserError
from darkroom.common.parameters import nearest
from darkroom.models.architecture import Architecture, architectures, trained_weights


def list_models(name: str | None, classes: int, side: int) -> None:
    """Print a line for each model, or the layers of one, for images of `side` pixels or points of two features.

    Args:
        name: The one model whose layers are printed. None lists all.
        classes: How many classes, or numbers, the models return.
        side: Height and width of the images in pixels.

    Raises:
        UserError: No model has that name, or it does not fit such images.
    """
    if name is not None:
        _print_layers(_architecture(name), classes, side)
        return
    print(f"{'name':13} {'parameters':>12} {'multiply-adds':>14}   {'for':18}   options")
    for known in architectures():
        architecture = _architecture(known)
        try:
            model, example = _build(architecture, classes, side)
        except UserError as error:
            print(f"{known:13} {str(error).rpartition(': ')[2]}")
            continue
        adds, kinds = multiply_adds(model, example), ", ".join(architecture.kinds)
        options = ", ".join(f"{key}: {value}" for key, value in architecture if key != "name")
        print(f"{known:13} {trained_weights(model):12,} {adds:14,}   {kinds:18}   {options}".rstrip())


def multiply_adds(model: nn.Module, example: Tensor) -> int:
    """Return how many multiply-adds the convolutions and matrix products need for one example, a batch of one."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(example)
    operations: int = counter.get_total_flops()
    return operations // 2


def _print_layers(architecture: Architecture, classes: int, side: int) -> None:
    model, example = _build(architecture, classes, side)
    print(f"{'layer':40} {'kind':20} {'parameters':>12}   output")

    def report(layer: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(module: nn.Module, _: Any, output: Tensor) -> None:  # noqa: ANN401 - whatever a layer takes
            print(f"{layer:40} {type(module).__name__:20} {trained_weights(module):12,}   {_shape(output)}")

        return hook

    for layer, module in model.named_modules():
        if not list(module.children()):
            module.register_forward_hook(report(layer))
    adds = multiply_adds(model, example)
    print(
        f"{architecture.name}: {trained_weights(model):,} parameters, {adds:,} multiply-adds for an input of "
        f"{_shape(example)}"
    )


def _architecture(name: str) -> Architecture:
    """Return the architecture of this name with the default options."""
    known = architectures()
    if name not in known:
        raise UserError(f"{name}: is no model; {nearest(name, list(known))}")
    return known[name](name=name)


def _build(architecture: Architecture, classes: int, side: int) -> tuple[nn.Module, Tensor]:
    """Return a network and a batch of one input for it, both on the device `meta`, which has shapes but no memory."""
    shape = architecture.input_shape(side)
    with torch.device("meta"):
        return architecture.build(classes, shape[-2:]), torch.zeros(1, *shape)


def _shape(batch: Tensor) -> str:
    return "×".join(str(size) for size in batch.shape[1:])
