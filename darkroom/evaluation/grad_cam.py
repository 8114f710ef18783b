"""Where a model looks: Grad-CAM (Selvaraju et al., arXiv:1610.02391)."""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

# Of each model the layer that is looked at: the deepest that has at least about 4×4 places on images of 32×32 pixels.
# What leaves a transformer's last block is read at the class token alone, so that is one layer too deep; what leaves a
# segmentation's encoder reaches its answer beside shallower maps, so that is not deep enough, and the last block of
# U-Net's decoder has few channels that speak for a class anywhere.
LAYERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "fast_cnn": lambda model: model.groups[1],
    "simple_cnn": lambda model: model[7],
    "vgg16_bn": lambda model: model.features[32],
    "resnet18": lambda model: model.layer4,
    "resnet34": lambda model: model.layer4,
    "resnet50": lambda model: model.layer4,
    "wrn_16_8": lambda model: model[-4],
    "wrn_28_10": lambda model: model[-4],
    "dla34": lambda model: model.level4,
    "vit": lambda model: model.blocks[-1].norm1,
    "unet": lambda model: model.decoder.blocks[-2],
    "fpn": lambda model: model.decoder,
    "deeplabv3plus": lambda model: model.decoder,
}


def grad_cam(model: nn.Module, name: str, images: Tensor, score: Callable[[Tensor], Tensor]) -> Tensor:
    """How much each place of the images speaks for a score, float32 (b, rows, columns) between 0 and 1.

    The rows and columns are those of the layer that `LAYERS` names.

    Args:
        model: ready to predict; `name` is its name.
        images: normalized, float (b, 3, h, w).
        score: of the model's logits, float (b,).
    """
    seen = []
    hook = LAYERS[name](model).register_forward_hook(lambda _, __, output: seen.append(output))
    try:
        with torch.enable_grad():
            scores = score(model(images))
    finally:
        hook.remove()
    [features] = seen
    (gradients,) = torch.autograd.grad(scores.sum(), features)
    features, gradients = (_as_map(values, images.shape[2:]) for values in (features.detach(), gradients))
    heat = (gradients.mean((2, 3), keepdim=True) * features).sum(1).relu()
    return heat / heat.amax((1, 2), keepdim=True).clamp(min=torch.finfo(heat.dtype).tiny)


def save_heat(path: Path, heat: Tensor, size: tuple[int, int], kept: tuple[int, int] | None = None) -> None:
    """Write heat, float (rows, columns) between 0 and 1, as a grey image.

    Args:
        size: (height, width) in pixels that it is brought to.
        kept: (height, width) of the upper left part of that to write; None for all.
    """
    height, width = kept or size
    smooth = F.interpolate(heat.cpu()[None, None], size, mode="bilinear")[0, 0, :height, :width]
    Image.fromarray((255 * smooth).round().byte().numpy()).save(path)


def _as_map(values: Tensor, size: torch.Size) -> Tensor:
    """A map (b, c, rows, columns); of tokens (b, 1 + rows·columns, c), without that of the class."""
    if values.ndim == 4:
        return values
    patches = values[:, 1:]
    rows = round((patches.shape[1] * size[0] / size[1]) ** 0.5)
    return patches.transpose(1, 2).unflatten(2, (rows, -1))
