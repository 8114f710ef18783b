"""The vision transformer (Dosovitskiy et al., arXiv:2010.11929), of timm."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from torch import nn

from darkroom.common.errors import UserError
from darkroom.models.architecture import Architecture


class ViTArchitecture(Architecture):
    """A vision transformer. Its defaults are a small one for images of 32×32 pixels."""

    kinds: ClassVar[tuple[str, ...]] = ("classification",)

    name: Literal["vit"]
    patch: int = Field(default=4, ge=1)
    """Side of a patch in pixels. Height and width of the images must be multiples of it."""
    width: int = Field(default=192, ge=8)
    """Numbers in each patch's token, a multiple of `heads`."""
    depth: int = Field(default=9, ge=1)
    """Blocks."""
    heads: int = Field(default=3, ge=1)
    """Attention heads in each block."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the values before the last layer, and behind those of each block, that training sets to zero."""

    @model_validator(mode="after")
    def _check_heads(self) -> "ViTArchitecture":
        if self.width % self.heads:
            raise ValueError(f"width = {self.width} must be a multiple of heads = {self.heads}")
        return self

    def _network(self, outputs: int, image_size: tuple[int, ...]) -> nn.Module:
        # Here, so that the room is imported where it is missing.
        from timm.models.vision_transformer import VisionTransformer

        if any(side % self.patch for side in image_size):
            raise UserError(
                f"params.yaml: model.patch = {self.patch}: images of {image_size[0]}×{image_size[1]} pixels have no "
                "whole number of patches"
            )
        height, width = image_size
        model: nn.Module = VisionTransformer(
            (height, width), self.patch, num_classes=outputs, embed_dim=self.width, depth=self.depth,
            num_heads=self.heads, drop_rate=self.dropout, proj_drop_rate=self.dropout,
        )  # fmt: skip
        return model

    def explained_layer(self, model: nn.Module) -> nn.Module:
        """Return the first normalization of the last block: of that block's output only the class token is read."""
        return model.get_submodule(f"blocks.{self.depth - 1}.norm1")
