"""LeNet-5, the first convolutional network in wide use, as it was and as it would be built today."""

from torch import Tensor, nn

SMALLEST = 12  # pixels, of which the convolutions leave one
SIGMOID_GAIN = 4.0  # one over the slope in its middle: without it, sigmoids pass hardly any gradient back


class LeNet(nn.Sequential):
    """Images float (b, 3, h, w), of 12 pixels at least and seen in grey, to logits (b, classes).

    After LeCun et al., "Gradient-based learning applied to document recognition" (1998), and "Backpropagation applied
    to handwritten zip code recognition" (1989): two convolutions, each followed by pooling, and three linear layers;
    61,706 weights at 28×28 pixels and ten classes.

    Args:
        modern: with ReLU, batch normalization and maximum pooling in place of the sigmoid and average pooling.
    """

    def __init__(self, classes: int, image_size: tuple[int, int], modern: bool) -> None:
        height, width = ((side // 2 - 4) // 2 for side in image_size)
        activation, pooling = (nn.ReLU, nn.MaxPool2d) if modern else (nn.Sigmoid, nn.AvgPool2d)
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
        return images.mean(1, keepdim=True)
