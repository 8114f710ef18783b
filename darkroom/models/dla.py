"""Deep layer aggregation (Yu et al., arXiv:1707.06484), from timm."""

from typing import ClassVar, Literal

from torch import nn

from darkroom.common.errors import UserError
from darkroom.models.architecture import Architecture
from darkroom.models.stem import is_small, small_stem


class DLAArchitecture(Architecture):
    """DLA-34. For small images it halves the resolution once less."""

    kinds: ClassVar[tuple[str, ...]] = ("classification",)

    name: Literal["dla34"]

    def _network(self, outputs: int, image_size: tuple[int, ...]) -> nn.Module:
        import timm  # imported here, since it takes seconds

        multiple = 16 if is_small(image_size) else 32
        if any(side % multiple for side in image_size):
            raise UserError(
                f"params.yaml: model.name = dla34: height and width of images must be multiples of {multiple}, not "
                f"{image_size[0]}×{image_size[1]} pixels"
            )
        model: nn.Module = timm.create_model("dla34", num_classes=outputs)
        if is_small(image_size):
            base_layer, first_level = model.get_submodule("base_layer"), model.get_submodule("level1.0")
            assert isinstance(base_layer, nn.Sequential) and isinstance(first_level, nn.Conv2d)
            base_layer[0] = small_stem(16)
            first_level.stride = (1, 1)
        return model

    def explained_layer(self, model: nn.Module) -> nn.Module:
        """Return the fourth of the six levels."""
        return model.get_submodule("level3")
