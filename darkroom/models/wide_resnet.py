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
        residual: False leaves out the sums with the blocks' inputs, to show what they are for.
        normalization: False likewise all batch normalization.
    """

    def __init__(
        self, classes: int, depth: int, widening: int, dropout: float, attention: str, residual: bool = True,
        normalization: bool = True,
    ) -> None:  # fmt: skip
        layers: list[nn.Module] = [nn.Conv2d(3, STEM, 3, padding=1, bias=False)]
        channels = STEM
        for base, stride in GROUPS:
            for block in range((depth - 4) // 6):
                width = base * widening
                strides = stride if block == 0 else 1
                layers.append(_Block(channels, width, strides, dropout, attention, residual, normalization))
                channels = width
        super().__init__(
            *layers,
            _norm(channels, normalization),
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

    def __init__(
        self, channels_in: int, channels: int, stride: int, dropout: float, attention: str, residual: bool,
        normalization: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.residual = residual
        self.norm1 = _norm(channels_in, normalization)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.norm2 = _norm(channels, normalization)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.attention = _attention(attention, channels)
        self.shortcut = None
        if residual and channels_in != channels:
            self.shortcut = nn.Conv2d(channels_in, channels, 1, stride, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        activated = F.relu(self.norm1(features))
        change = self.conv1(activated)
        change = self.conv2(self.dropout(F.relu(self.norm2(change))))
        change = self.attention(change)
        if not self.residual:
            return change
        return change + (features if self.shortcut is None else self.shortcut(activated))


def _norm(channels: int, normalization: bool) -> nn.Module:
    return nn.BatchNorm2d(channels) if normalization else nn.Identity()


def _attention(name: str, channels: int) -> nn.Module:
    if name == "none":
        return nn.Identity()
    from timm.layers import create_attn

    return create_attn(name, channels)
