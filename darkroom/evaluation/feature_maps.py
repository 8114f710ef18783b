"""What a network's first convolutions and poolings make of one image."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from darkroom.evaluation.inference import TrainedModel, logits_of
from darkroom.evaluation.tables import write_csv

SHOWN = {nn.Conv2d: "convolution", nn.MaxPool2d: "maximum pooling", nn.AvgPool2d: "average pooling"}
MOST_LAYERS, MOST_CHANNELS = 4, 8


def write_feature_maps(trained: TrainedModel, image: Tensor, folder: Path) -> None:
    """Write what leaves the first four layers of `SHOWN` that `image`, normalized (1, 3, h, w), runs through.

    `feature_maps.csv` has a row for each: its number, its kind, and how many channels it has; `feature_maps/NUMBER.npy`
    has the first eight of them, float16 (channels, h, w).
    """
    (folder / "feature_maps").mkdir()
    rows: list[list] = []

    def keep(layer: nn.Module, _: tuple, output: Tensor) -> None:
        if len(rows) < MOST_LAYERS:
            shown = output[0, :MOST_CHANNELS].float().cpu().numpy().astype(np.float16)
            np.save(folder / "feature_maps" / f"{len(rows)}.npy", shown)
            rows.append([len(rows), SHOWN[type(layer)], output.shape[1]])

    hooks = [layer.register_forward_hook(keep) for layer in trained.model.modules() if type(layer) in SHOWN]
    with torch.inference_mode():
        logits_of(trained.model, trained.card, image)
    for hook in hooks:
        hook.remove()
    write_csv(folder / "feature_maps.csv", ["number", "kind", "channels"], rows)
