"""LeNet-5, the first convolutional network in wide use, in its original form and a modern one."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from darkroom.models.architecture import Architecture

SIGMOID_GAIN = 4.0  # one over a sigmoid's slope at 0, so that gradients do not vanish


class LeNetArchitecture(Architecture):
    """LeNet-5 with sigmoids and average pooling; `lenet_modern` has ReLU, batch normalization and maximum pooling."""

    kinds: ClassVar[tuple[str, ...]] = ("classification",)
    smallest_side: ClassVar[int] = 12  # the convolutions reduce it to one pixel

    name: Literal["lenet", "lenet_modern"]
    """The original network, or the modern one."""

    @property
    def _is_modern(self) -> bool:
        return self.name == "lenet_modern"

    def _network(self, outputs: int, image_size: tuple[int, ...]) -> nn.Module:
        return LeNet(outputs, image_size, self._is_modern)

    def explained_layer(self, model: nn.Module) -> nn.Module:
        """Return the first pooling, or with sigmoids, which are nowhere 0, the second convolution."""
        return model.get_submodule("4")


class LeNet(nn.Sequential):
    """The network: images float (b, 3, h, w), turned to grey first, to logits (b, classes).

    After LeCun et al., "Gradient-based learning applied to document recognition" (1998), and "Backpropagation applied
    to handwritten zip code recognition" (1989): two convolutions, each followed by pooling, and three linear layers.
    It has 61,706 weights at 28×28 pixels and ten classes.

    Args:
        classes: How many classes there are.
        image_size: (height, width) in pixels, 12 at least.
        modern: Whether ReLU, batch normalization and maximum pooling replace the sigmoid and average pooling.
    """

    def __init__(self, classes: int, image_size: tuple[int, ...], modern: bool) -> None:
        height, width = ((side // 2 - 4) // 2 for side in image_size)
        activation: type[nn.Module] = nn.ReLU if modern else nn.Sigmoid
        pooling: type[nn.MaxPool2d | nn.AvgPool2d] = nn.MaxPool2d if modern else nn.AvgPool2d
        layers = [
            Grey(), nn.Conv2d(1, 6, 5, padding=2), nn.BatchNorm2d(6), activation(), pooling(2),
            nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16), activation(), pooling(2), nn.Flatten(),
            nn.Linear(16 * height * width, 120), activation(), nn.Linear(120, 84), activation(), nn.Linear(84, classes),
        ]  # fmt: skip
        super().__init__(*(layer for layer in layers if modern or not isinstance(layer, nn.BatchNorm2d)))
        if not modern:
            for layer in self.modules():
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    nn.init.xavier_uniform_(layer.weight, gain=SIGMOID_GAIN)


class Grey(nn.Module):
    """The mean of the channels, (b, 3, h, w) to (b, 1, h, w)."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean of the channels."""
        return images.mean(1, keepdim=True)
