"""A first course's network: three convolutions and two linear layers."""

import math

from torch import nn

CHANNELS = (32, 64, 128)
GRID = 4  # what the linear layers see of the image at most, whatever its size
HALVINGS = len(CHANNELS)
HIDDEN = 128


class SimpleCNN(nn.Sequential):
    """Images float (b, 3, h, w), of 8 pixels at least, to logits (b, classes)."""

    def __init__(self, classes: int, image_size: tuple[int, int], dropout: float) -> None:
        seen = [side // 2**HALVINGS for side in image_size]
        grid = [min(side, GRID) for side in seen]
        # Not adaptive pooling, whose gradient CUDA adds up in no fixed order: the same bits would be refused there.
        stride = [side // cells for side, cells in zip(seen, grid, strict=True)]
        kernel = [side - (cells - 1) * step for side, cells, step in zip(seen, grid, stride, strict=True)]
        layers: list[nn.Module] = []
        for channels_in, channels in zip((3, *CHANNELS), CHANNELS, strict=False):
            layers += [nn.Conv2d(channels_in, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        super().__init__(
            *layers,
            nn.AvgPool2d(kernel, stride),
            nn.Flatten(),
            nn.Linear(CHANNELS[-1] * math.prod(grid), HIDDEN),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(HIDDEN, classes),
        )
