"""A figure of feature maps: the output of a network's first layers for one image."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from darkroom.figures.style import save


def draw_feature_maps(image: np.ndarray, layers: pd.DataFrame, folder: Path, path: Path) -> None:
    """Draw the image, and below it a row of channels for each layer.

    Args:
        image: uint8 (h, w, 3).
        layers: a row for each layer, with the columns number, kind and channels.
        folder: the folder of the layers' outputs `NUMBER.npy`, float (channels, h, w).
        path: of the PNG file.
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
        title = f"{layer['kind']}: {len(of_layer)} of {layer['channels']} channels, {width}×{height}"
        row[0].set_title(title, fontsize=8, loc="left")
    figure.suptitle("Feature maps of the first layers")
    save(figure, path)
