"""Outputs of a network's first convolutions and poolings for one image."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from darkroom.common.files import write_csv
from darkroom.evaluation.inference import TrainedModel, logits_of

LAYER_KINDS: dict[type[nn.Module], str] = {
    nn.Conv2d: "convolution",
    nn.MaxPool2d: "maximum pooling",
    nn.AvgPool2d: "average pooling",
}
MAX_LAYERS, MAX_CHANNELS = 4, 8


def write_feature_maps(trained: TrainedModel, image: Tensor, folder: Path) -> None:
    """Write the outputs of the first four layers of `LAYER_KINDS`, in the order in which the network computes them.

    `feature_maps.csv` has a row for each layer: its number, its kind, and its number of channels.
    `feature_maps/NUMBER.npy` has the first eight channels, float16 (channels, h, w).

    Args:
        trained: the model.
        image: normalized, float (1, 3, h, w).
        folder: where to write.
    """
    (folder / "feature_maps").mkdir()
    rows: list[list[int | str]] = []

    def write(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        if len(rows) < MAX_LAYERS:
            maps = output[0, :MAX_CHANNELS].float().cpu().numpy().astype(np.float16)
            np.save(folder / "feature_maps" / f"{len(rows)}.npy", maps)
            rows.append([len(rows), LAYER_KINDS[type(layer)], output.shape[1]])

    hooks = [layer.register_forward_hook(write) for layer in trained.model.modules() if type(layer) in LAYER_KINDS]
    with torch.inference_mode():
        logits_of(trained.model, trained.card, image)
    for hook in hooks:
        hook.remove()
    write_csv(folder / "feature_maps.csv", ["number", "kind", "channels"], rows)
