"""Grad-CAM: heat maps of where a model looks (Selvaraju et al., arXiv:1610.02391)."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def grad_cam(
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
    from pytorch_grad_cam import GradCAM  # imported here, since it takes seconds

    with GradCAM(model, [layer], partial(_as_map, image.shape[2:])) as explained:
        heat: NDArray[np.float32] = explained(image, [score])[0]
    return heat


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
