"""Where a model looks: Grad-CAM (Selvaraju et al., arXiv:1610.02391)."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def grad_cam(
    model: nn.Module, layer: nn.Module, image: Tensor, score: Callable[[Tensor], Tensor]
) -> NDArray[np.float32]:
    """Return how much the surroundings of each pixel raise a score.

    Args:
        model: A trained network, in evaluation mode.
        layer: The layer of it whose output is weighed, as `Architecture.explained_layer` returns it.
        image: Normalized, float (1, 3, h, w).
        score: Returns a number for the image's logits, (classes,) or (classes, h, w).

    Returns:
        float32 (h, w), between 0 and 1. All of it is 0 where no pixel raises the score.
    """
    from pytorch_grad_cam import GradCAM  # here, since it takes seconds

    with GradCAM(model, [layer], partial(_as_map, image.shape[2:])) as explained:
        heat: NDArray[np.float32] = explained(image, [score])[0]
    return heat


def _as_map(size: torch.Size, values: Tensor) -> Tensor:
    """Return a layer's output as maps (b, c, rows, columns).

    Args:
        size: (height, width) of the image in pixels.
        values: Maps, or tokens (b, 1 + rows·columns, c), of which the first is the class token.
    """
    if values.ndim == 4:
        return values
    patches = values[:, 1:]
    rows: int = round((patches.shape[1] * size[0] / size[1]) ** 0.5)
    return patches.transpose(1, 2).reshape(len(patches), patches.shape[2], rows, -1)
