"""VGG-16 with batch normalization (Simonyan and Zisserman, arXiv:1409.1556), from torchvision."""

from typing import ClassVar, Literal

from torch import nn

from darkroom.models.architecture import Architecture


class VGGArchitecture(Architecture):
    """VGG-16 with one linear layer in place of three, so that it takes images of any size."""

    kinds: ClassVar[tuple[str, ...]] = ("classification",)
    smallest_side: ClassVar[int] = 32

    name: Literal["vgg16_bn"]

    def _network(self, outputs: int, image_size: tuple[int, ...]) -> nn.Module:
        import torchvision  # imported here, since it takes seconds

        model: nn.Module = torchvision.models.vgg16_bn(num_classes=outputs)
        model.avgpool, model.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(512, outputs)
        return model

    def explained_layer(self, model: nn.Module) -> nn.Module:
        """Return the activation after the last convolution of the third group."""
        return model.get_submodule("features.22")
