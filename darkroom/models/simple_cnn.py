"""The network of a first course on deep learning: three convolutions and two linear layers."""

import math
from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from darkroom.models.architecture import Architecture

CHANNELS = (32, 64, 128)
GRID = 4  # feature maps are pooled to at most 4×4 places before the linear layers
HALVINGS = len(CHANNELS)
HIDDEN = 128


class SimpleCNNArchitecture(Architecture):
    """Three convolutions and two linear layers."""

    kinds: ClassVar[tuple[str, ...]] = ("classification",)
    smallest_side: ClassVar[int] = 2**HALVINGS

    name: Literal["simple_cnn"]
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout after the hidden layer: the share of values set to zero."""

    def _network(self, outputs: int, image_size: tuple[int, ...]) -> nn.Module:
        return SimpleCNN(outputs, image_size, self.dropout)

    def explained_layer(self, model: nn.Module) -> nn.Module:
        """Return the first pooling."""
        return model.get_submodule("2")


class SimpleCNN(nn.Sequential):
    """The network: images float (b, 3, h, w) to logits (b, classes).

    Args:
        classes: How many classes there are.
        image_size: (height, width) in pixels, 8 at least.
        dropout: Share of the hidden layer's values that are set to zero in training.
    """

    def __init__(self, classes: int, image_size: tuple[int, ...], dropout: float) -> None:
        sizes = [side // 2**HALVINGS for side in image_size]
        grid = [min(side, GRID) for side in sizes]
        # Not adaptive pooling: its gradient is not deterministic on CUDA.
        stride = [side // cells for side, cells in zip(sizes, grid, strict=True)]
        kernel = [side - (cells - 1) * step for side, cells, step in zip(sizes, grid, stride, strict=True)]
        layers: list[nn.Module] = []
        for channels_in, channels in zip((3, *CHANNELS), CHANNELS, strict=False):
            layers += [nn.Conv2d(channels_in, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        super().__init__(
            *layers,
            nn.AvgPool2d((kernel[0], kernel[1]), (stride[0], stride[1])),
            nn.Flatten(),
            nn.Linear(CHANNELS[-1] * math.prod(grid), HIDDEN),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(HIDDEN, classes),
        )
