"""Residual networks (He et al., arXiv:1512.03385), from timm."""

from typing import ClassVar, Literal

from torch import nn

from darkroom.models.architecture import Architecture
from darkroom.models.stem import is_small, small_stem


class ResNetArchitecture(Architecture):
    """Residual networks. For small images the first layer keeps the resolution."""

    kinds: ClassVar[tuple[str, ...]] = ("classification",)

    name: Literal["resnet18", "resnet34", "resnet50"]
    """The network, named by its number of layers."""
    attention: Literal["none", "se", "cbam"] = "none"
    """Attention at the end of each residual block: `se`, squeeze-and-excitation (arXiv:1709.01507), or `cbam`
    (arXiv:1807.06521)."""

    def _network(self, outputs: int, image_size: tuple[int, ...]) -> nn.Module:
        import timm  # imported here, since it takes seconds

        attention = {"attn_layer": self.attention} if self.attention != "none" else {}
        model: nn.Module = timm.create_model(self.name, num_classes=outputs, block_args=attention)
        if is_small(image_size):
            model.conv1, model.maxpool = small_stem(64), nn.Identity()
        return model

    def explained_layer(self, model: nn.Module) -> nn.Module:
        """Return the second of the four groups of blocks."""
        return model.get_submodule("layer2")
