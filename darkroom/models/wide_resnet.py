"""Wide residual networks for small images (Zagoruyko and Komodakis, arXiv:1605.07146)."""

import torch.nn.functional as F
from torch import Tensor, nn

STEM = 16
GROUPS = ((16, 1), (32, 2), (64, 2))  # channels before widening, and the first block's stride


class WideResNet(nn.Sequential):
    """Images float (b, 3, h, w) to logits (b, classes).

    Args:
        depth: 6·n + 4, for n blocks in each of the three groups.
        widening: factor of the channels.
        dropout: between a block's convolutions.
        attention: `none`, or what timm calls `se` and `cbam`, at the end of each block.
    """

    def __init__(self, classes: int, depth: int, widening: int, dropout: float, attention: str) -> None:
        layers: list[nn.Module] = [nn.Conv2d(3, STEM, 3, padding=1, bias=False)]
        channels = STEM
        for base, stride in GROUPS:
            for block in range((depth - 4) // 6):
                width = base * widening
                layers.append(_Block(channels, width, stride if block == 0 else 1, dropout, attention))
                channels = width
        super().__init__(
            *layers,
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(channels, classes),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class _Block(nn.Module):
    """Normalization and activation before each of two 3×3 convolutions, the sum with the input behind."""

    def __init__(self, channels_in: int, channels: int, stride: int, dropout: float, attention: str) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.attention = _attention(attention, channels)
        self.shortcut = nn.Conv2d(channels_in, channels, 1, stride, bias=False) if channels_in != channels else None

    def forward(self, features: Tensor) -> Tensor:
        activated = F.relu(self.norm1(features))
        change = self.conv1(activated)
        change = self.conv2(self.dropout(F.relu(self.norm2(change))))
        return self.attention(change) + (features if self.shortcut is None else self.shortcut(activated))


def _attention(name: str, channels: int) -> nn.Module:
    if name == "none":
        return nn.Identity()
    from timm.layers import create_attn

    return create_attn(name, channels)
