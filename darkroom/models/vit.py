"""The vision transformer (Dosovitskiy et al., arXiv:2010.11929), of timm."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from torch import nn

from darkroom.common.errors import UserError
from darkroom.models.architecture import Architecture


class ViTArchitecture(Architecture):
    """A vision transformer. The default options make a small one for images of 32×32 pixels."""

    kinds: ClassVar[tuple[str, ...]] = ("classification",)

    name: Literal["vit"]
    patch: int = Field(default=4, ge=1)
    """Side of a patch in pixels. Height and width of the images must be multiples of it."""
    width: int = Field(default=192, ge=8)
    """Length of each patch's token, a multiple of `heads`."""
    depth: int = Field(default=9, ge=1)
    """Number of transformer blocks."""
    heads: int = Field(default=3, ge=1)
    """Attention heads in each block."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout before the last layer and after the linear layers of each block: the share of values set to zero."""

    @model_validator(mode="after")
    def _check_heads(self) -> "ViTArchitecture":
        if self.width % self.heads:
            raise ValueError(f"width = {self.width} must be a multiple of heads = {self.heads}")
        return self

    def _network(self, outputs: int, image_size: tuple[int, ...]) -> nn.Module:
        # Imported here, since it takes seconds.
        from timm.models.vision_transformer import VisionTransformer

        if any(side % self.patch for side in image_size):
            raise UserError(
                f"params.yaml: model.patch = {self.patch}: images of {image_size[0]}×{image_size[1]} pixels cannot be "
                "divided into whole patches"
            )
        height, width = image_size
        model: nn.Module = VisionTransformer(
            (height, width), self.patch, num_classes=outputs, embed_dim=self.width, depth=self.depth,
            num_heads=self.heads, drop_rate=self.dropout, proj_drop_rate=self.dropout,
        )  # fmt: skip
        return model

    def explained_layer(self, model: nn.Module) -> nn.Module:
        """Return the first normalization of the last block. Of that block's output only the class token is used."""
        return model.get_submodule(f"blocks.{self.depth - 1}.norm1")
