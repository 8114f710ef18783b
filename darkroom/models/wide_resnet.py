"""Wide residual networks for small images (Zagoruyko and Komodakis, arXiv:1605.07146)."""

from typing import ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from darkroom.models.architecture import Architecture

STEM = 16
GROUPS = ((16, 1), (32, 2), (64, 2))  # channels before widening, and the first block's stride


class WideResNetArchitecture(Architecture):
    """Wide residual networks. The name has their depth and the factor of their channels."""

    kinds: ClassVar[tuple[str, ...]] = ("classification",)

    name: Literal["wrn_16_8", "wrn_28_10"]
    """The network, named by its number of layers and the factor of its channels."""
    dropout: float = Field(default=0.3, ge=0, lt=1)
    """Dropout between a block's convolutions: the share of values set to zero."""
    attention: Literal["none", "se", "cbam"] = "none"
    """Attention at the end of each block: `se`, squeeze-and-excitation (arXiv:1709.01507), or `cbam`
    (arXiv:1807.06521)."""
    residual: bool = True
    """Add each block's input to its output. false shows what these shortcuts are for."""
    normalization: bool = True
    """Use batch normalization. false shows what it is for."""

    def _network(self, outputs: int, image_size: tuple[int, ...]) -> nn.Module:
        _, depth, widening = self.name.split("_")
        return WideResNet(
            outputs, int(depth), int(widening), self.dropout, self.attention, self.residual, self.normalization
        )

    def explained_layer(self, model: nn.Module) -> nn.Module:
        """Return the last block of the second of the three groups."""
        assert isinstance(model, WideResNet)
        return model[(len(GROUPS) - 1) * model.blocks]


class NarrowResNetArchitecture(WideResNetArchitecture):
    """The same network without widening. It is too small to need dropout by default."""

    name: Literal["wrn_16_1"]  # type: ignore[assignment] # it shares the options, not the names
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout between a block's convolutions: the share of values set to zero."""


class WideResNet(nn.Sequential):
    """The network: images float (b, 3, h, w) to logits (b, classes).

    Args:
        classes: How many classes there are.
        depth: 6·n + 4, for n blocks in each of the three groups.
        widening: Factor of the channels.
        dropout: Share of the values between a block's convolutions that are set to zero in training.
        attention: At the end of each block: `none`, or timm's `se` or `cbam`.
        residual: Whether each block's input is added to its output.
        normalization: Whether there is batch normalization.
    """

    def __init__(
        self, classes: int, depth: int, widening: int, dropout: float, attention: str, residual: bool = True,
        normalization: bool = True,
    ) -> None:  # fmt: skip
        layers: list[nn.Module] = [nn.Conv2d(3, STEM, 3, padding=1, bias=False)]
        channels, blocks = STEM, (depth - 4) // 6
        for base, stride in GROUPS:
            for block in range(blocks):
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
        self.blocks = blocks  # in each group
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class _Block(nn.Module):
    """Two 3×3 convolutions, each after normalization and activation. Their output is added to the block's input."""

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
        change: Tensor = self.conv1(activated)
        change = self.conv2(self.dropout(F.relu(self.norm2(change))))
        change = self.attention(change)
        if not self.residual:
            return change
        shortcut: Tensor = features if self.shortcut is None else self.shortcut(activated)
        return change + shortcut


def _norm(channels: int, normalization: bool) -> nn.Module:
    return nn.BatchNorm2d(channels) if normalization else nn.Identity()


def _attention(name: str, channels: int) -> nn.Module:
    if name == "none":
        return nn.Identity()
    from timm.layers.create_attn import create_attn  # imported here, since it takes seconds

    attention: nn.Module = create_attn(name, channels)  # type: ignore[no-untyped-call] # it has no types
    return attention
