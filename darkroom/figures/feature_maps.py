"""A figure of what a network's first layers make of an image."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from darkroom.figures.style import save


def draw_feature_maps(image: np.ndarray, layers: pd.DataFrame, folder: Path, path: Path) -> None:
    """The image, and below it a row of channels for each layer.

    Args:
        image: uint8 (h, w, 3).
        layers: a row for each: number, kind, channels.
        folder: of `NUMBER.npy`, float (channels, h, w), what leaves the layer.
    """
    maps = [np.load(folder / f"{number}.npy").astype(float) for number in layers["number"]]
    columns = max([len(of_layer) for of_layer in maps], default=1)
    figure, axes = plt.subplots(len(maps) + 1, columns, figsize=(1.25 * columns, 1.4 * len(maps) + 1.9), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    axes[0, 0].imshow(image, interpolation="nearest")
    axes[0, 0].set_title(f"image, {image.shape[1]}×{image.shape[0]}", fontsize=8, loc="left")
    for row, of_layer, (_, layer) in zip(axes[1:], maps, layers.iterrows(), strict=True):
        for axis, channel in zip(row, of_layer, strict=False):
            axis.imshow(channel, cmap="gray", interpolation="nearest")
        height, width = of_layer.shape[1:]
        told = f"{layer['kind']}: {len(of_layer)} of {layer['channels']} channels, {width}×{height}"
        row[0].set_title(told, fontsize=8, loc="left")
    figure.suptitle("What the first layers make of an image")
    save(figure, path)
