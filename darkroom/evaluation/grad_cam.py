"""Where a model looks: Grad-CAM (Selvaraju et al., arXiv:1610.02391)."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

# Of each model the layer that is looked at: the deepest that has at least about 4×4 places on images of 32×32 pixels.
# What leaves a transformer's last block is read at the class token alone, so that is one layer too deep; what leaves a
# segmentation's encoder reaches its answer beside shallower maps, so that is not deep enough, and the last block of
# U-Net's decoder has few channels that speak for a class anywhere.
LAYERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "fast_cnn": lambda model: model.groups[1],
    "simple_cnn": lambda model: model[7],
    "lenet": lambda model: model[5],
    "lenet_modern": lambda model: model[7],
    "vgg16_bn": lambda model: model.features[32],
    "resnet18": lambda model: model.layer4,
    "resnet34": lambda model: model.layer4,
    "resnet50": lambda model: model.layer4,
    "wrn_16_1": lambda model: model[-4],
    "wrn_16_8": lambda model: model[-4],
    "wrn_28_10": lambda model: model[-4],
    "dla34": lambda model: model.level4,
    "vit": lambda model: model.blocks[-1].norm1,
    "unet": lambda model: model.decoder.blocks[-2],
    "fpn": lambda model: model.decoder,
    "deeplabv3plus": lambda model: model.decoder,
}


def grad_cam(model: nn.Module, name: str, image: Tensor, score: Callable[[Tensor], Tensor]) -> np.ndarray:
    """How much each pixel's surroundings speak for a score, float32 (h, w) between 0 and 1; all 0 where nothing does.

    Args:
        model: ready to predict; `name` is its name.
        image: normalized, float (1, 3, h, w).
        score: of the image's logits, (classes,) or (classes, h, w); a number.
    """
    from pytorch_grad_cam import GradCAM  # here, since it takes seconds

    with GradCAM(model, [LAYERS[name](model)], partial(_as_map, image.shape[2:])) as explained:
        return explained(image, [score])[0]


def _as_map(size: torch.Size, values: Tensor) -> Tensor:
    """A map (b, c, rows, columns) of an image of `size`; of tokens (b, 1 + rows·columns, c) without the class's."""
    if values.ndim == 4:
        return values
    patches = values[:, 1:]
    rows = round((patches.shape[1] * size[0] / size[1]) ** 0.5)
    return patches.transpose(1, 2).unflatten(2, (rows, -1))
