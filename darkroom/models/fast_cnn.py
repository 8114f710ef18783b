"""A small convolutional network in the family of the CIFAR-10 speed records.

After Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (arXiv:2404.00498), and Page, "How to
train your ResNet" (2018): a fixed whitening layer, three groups of convolutions, identity
initialization, batch normalization without scale and with quickly updated statistics. The second and the
third group have fewer channels than theirs and, with a residual block, more layers.
"""

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from darkroom.models.architecture import Architecture, Sample

IMAGES_TO_START_FROM = 5000
SIDE_OF_GRID = 32  # the whitening layer reduces larger images to about this side, in pixels
WHITENING_EPSILON = 2e-2  # about the variance of JPEG noise, which should not be amplified
BATCHNORM_MOMENTUM = 0.4
LOGIT_SCALE = 0.35
HEAD_STD = 0.01  # all classes are about equally likely at first


class FastCNNArchitecture(Architecture):
    """The fast network. Its whitening layer is set from training images."""

    kinds: ClassVar[tuple[str, ...]] = ("classification",)
    smallest_side: ClassVar[int] = 10
    bias_lr_factor: ClassVar[float] = 320.0  # its biases get small gradients

    name: Literal["fast_cnn"]
    widths: list[Annotated[int, Field(ge=8)]] = Field(default=[64, 192, 192], min_length=3, max_length=3)
    """Channels of each of the three groups of convolutions."""

    def _network(self, outputs: int, image_size: tuple[int, ...]) -> nn.Module:
        return FastCNN(outputs, image_size, self.widths)

    def explained_layer(self, model: nn.Module) -> nn.Module:
        """Return the second of the three groups."""
        return model.get_submodule("groups.1")

    def initialize(self, model: nn.Module, sample: Sample) -> None:
        """Set the whitening layer from training images."""
        assert isinstance(model, FastCNN)
        model.initialize_from(sample(IMAGES_TO_START_FROM))


class FastCNN(nn.Module):
    """The network: images float (b, 3, h, w) to logits (b, classes).

    Args:
        classes: How many classes there are.
        image_size: (height, width) in pixels.
        widths: Channels of the three groups.
    """

    def __init__(self, classes: int, image_size: tuple[int, ...], widths: list[int]) -> None:
        super().__init__()
        stride = max(1, min(image_size) // SIDE_OF_GRID)
        patch = 2 * stride
        self.whitening = nn.Conv2d(3, 2 * 3 * patch**2, patch, stride, bias=False)
        self.whitening.weight.requires_grad = False
        channels = [self.whitening.out_channels, *widths]
        first, second, third = (_halving(i, o) for i, o in zip(channels, widths, strict=False))
        self.groups = nn.Sequential(
            nn.Sequential(first, _layer(widths[0]), nn.GELU()),
            nn.Sequential(second, _Residual(widths[1]), nn.GELU()),
            nn.Sequential(third, _Residual(widths[2]), nn.GELU()),
        )
        self.head = nn.Linear(widths[-1], classes, bias=False)
        nn.init.normal_(self.head.weight, std=HEAD_STD)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (b, classes) of images (b, 3, h, w)."""
        features: Tensor = self.groups(nn.functional.gelu(self.whitening(images)))
        logits: Tensor = self.head(features.amax(dim=(2, 3))) * LOGIT_SCALE
        return logits

    @torch.no_grad()
    def initialize_from(self, images: Tensor) -> None:
        """Set the whitening layer so that its outputs for patches of training images are uncorrelated.

        Its filters are the eigenvectors of the patches' covariance, divided by the square roots of their eigenvalues.
        Each filter is there twice, once negated.

        Args:
            images: Normalized, float (n, 3, h, w).
        """
        patch, stride = self.whitening.kernel_size[0], self.whitening.stride[0]
        patches = nn.functional.unfold(images.contiguous().float().cpu(), patch, stride=stride)
        patches = patches.transpose(1, 2).flatten(0, 1).double()  # (n·patches, 3·patch²)
        eigenvalues, eigenvectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        scales = (eigenvalues + WHITENING_EPSILON).rsqrt()  # not sqrt(): MKL's rounds differently on other processors
        filters = (eigenvectors * scales).T.reshape(-1, 3, patch, patch)
        self.whitening.weight.copy_(torch.cat([filters, -filters]))


class _Residual(nn.Module):
    """Two layers whose output is added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_layer(channels), nn.GELU(), _layer(channels))

    def forward(self, features: Tensor) -> Tensor:
        change: Tensor = self.layers(features)
        return features + change


def _halving(channels_in: int, channels: int) -> nn.Sequential:
    """Return a convolution with activation that halves height and width."""
    return nn.Sequential(_convolution(channels_in, channels), nn.MaxPool2d(2), _normalization(channels), nn.GELU())


def _layer(channels: int) -> nn.Sequential:
    return nn.Sequential(_convolution(channels, channels), _normalization(channels))


def _convolution(channels_in: int, channels: int) -> nn.Conv2d:
    """Return a 3×3 convolution that starts as the identity on the channels that input and output share."""
    convolution = nn.Conv2d(channels_in, channels, 3, padding=1, bias=False)
    nn.init.dirac_(convolution.weight.data[: min(channels_in, channels)])
    return convolution


def _normalization(channels: int) -> nn.BatchNorm2d:
    normalization = nn.BatchNorm2d(channels, momentum=BATCHNORM_MOMENTUM)
    normalization.weight.requires_grad = False
    return normalization
