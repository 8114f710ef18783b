"""Layer-CAM: heat maps of where a model looks.

After Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization" (IEEE Transactions on
Image Processing, 2021).

Grad-CAM (arXiv:1610.02391) weights each channel by the mean of its gradients. Behind maximum pooling few places have a
gradient at all, so that a channel's mean says little about its other places, and the heat lies beside the object.
Layer-CAM weights each place by its own gradient. `python -m bench.explanations` compares them.
"""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def layer_cam(
    model: nn.Module, layer: nn.Module, image: Tensor, score: Callable[[Tensor], Tensor]
) -> NDArray[np.float32]:
    """Return a heat map of how much each part of an image raises a score.

    Args:
        model: a trained network, in evaluation mode.
        layer: the layer of the network whose output is weighted, as `Architecture.explained_layer` returns it.
        image: normalized, float (1, 3, h, w).
        score: returns a scalar for the logits of the image, (classes,) or (classes, h, w).

    Returns:
        float32 (h, w), from 0 to 1. It is 0 everywhere if no part raises the score.
    """
    activations, gradients = activations_and_gradients(model, layer, image, score)
    heat: NDArray[np.float32] = np.maximum((np.maximum(gradients, 0) * activations).sum(axis=0), 0)
    return enlarge(heat, image.shape[2:])


def activations_and_gradients(
    model: nn.Module, layer: nn.Module, image: Tensor, score: Callable[[Tensor], Tensor]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a layer's output for an image, and the gradient of the score by it; float32 (c, rows, columns) each.

    The arguments are those of `layer_cam`.
    """
    maps: list[Tensor] = []  # the layer's output, then its gradient

    def keep(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
        maps.append(output.detach().clone())  # a copy, since the next layer may work in place
        output.register_hook(maps.append)  # type: ignore[no-untyped-call]

    handle = layer.register_forward_hook(keep)
    try:
        score(model(image)[0]).backward()  # type: ignore[no-untyped-call]
    finally:
        handle.remove()
        model.zero_grad()
    activations, gradients = (_as_map(image.shape[2:], values)[0].cpu().numpy() for values in maps)
    return activations, gradients


def enlarge(heat: NDArray[np.float32], size: torch.Size) -> NDArray[np.float32]:
    """Return heat, float32 (rows, columns), in the size (height, width) of the image, from 0 to 1."""
    height, width = size
    resized = cv2.resize(_stretch(heat), (width, height))
    return _stretch(np.asarray(resized, np.float32))


def _stretch(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return heat, float32 (h, w), stretched to the range from 0 to 1."""
    above: NDArray[np.float32] = heat - heat.min()
    stretched: NDArray[np.float32] = above / (1e-7 + above.max())
    return stretched


def _as_map(size: torch.Size, values: Tensor) -> Tensor:
    """Return a layer's output as maps (b, c, rows, columns).

    Args:
        size: (height, width) of the image in pixels.
        values: maps, or tokens (b, 1 + rows·columns, c), of which the first is the class token.
    """
    if values.ndim == 4:
        return values
    patches = values[:, 1:]
    rows: int = round((patches.shape[1] * size[0] / size[1]) ** 0.5)
    return patches.transpose(1, 2).reshape(len(patches), patches.shape[2], rows, -1)
