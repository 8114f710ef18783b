"""A first course's network: three convolutions and two linear layers."""

from torch import nn

CHANNELS = (32, 64, 128)
GRID = 4  # what the linear layers see of the image, whatever its size
HIDDEN = 128


class SimpleCNN(nn.Sequential):
    """Images float (b, 3, h, w), of 8 pixels at least, to logits (b, classes)."""

    def __init__(self, classes: int, dropout: float) -> None:
        layers: list[nn.Module] = []
        for channels_in, channels in zip((3, *CHANNELS), CHANNELS, strict=False):
            layers += [nn.Conv2d(channels_in, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        super().__init__(
            *layers,
            nn.AdaptiveAvgPool2d(GRID),
            nn.Flatten(),
            nn.Linear(CHANNELS[-1] * GRID**2, HIDDEN),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(HIDDEN, classes),
        )
