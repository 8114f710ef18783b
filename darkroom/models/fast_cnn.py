"""A small convolutional network in the family of the CIFAR-10 speed records.

After Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (arXiv:2404.00498), and Page, "How to
train your ResNet" (2018): a fixed whitening layer, three groups of convolutions, identity
initialization, batch normalization without scale and with quick statistics. The second and the third group
are narrower and, by a residual sum, deeper than theirs.
"""

import torch
from torch import Tensor, nn

SIDE_OF_GRID = 32  # the whitening layer brings larger images to about this side
WHITENING_EPSILON = 2e-2  # about where JPEG's own noise ends: what varies less is left small
BATCHNORM_MOMENTUM = 0.4
LOGIT_SCALE = 0.35
HEAD_STD = 0.01  # all classes about equal at first
BIAS_LR_FACTOR = 320.0  # normalization without scale leaves its biases gradients that are small


class FastCNN(nn.Module):
    """Images float (b, 3, h, w) to logits (b, classes)."""

    def __init__(self, classes: int, image_size: tuple[int, int], widths: list[int]) -> None:
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
        features = self.groups(nn.functional.gelu(self.whitening(images)))
        return self.head(features.amax(dim=(2, 3))) * LOGIT_SCALE

    @torch.no_grad()
    def initialize_from(self, images: Tensor) -> None:
        """Set the whitening layer from training images, float (n, 3, h, w): patches come out uncorrelated.

        Its filters are the eigenvectors of the patches' covariance over the roots of their eigenvalues,
        each once as it is and once negated.
        """
        patch, stride = self.whitening.kernel_size[0], self.whitening.stride[0]
        patches = nn.functional.unfold(images.contiguous().float().cpu(), patch, stride=stride)
        patches = patches.transpose(1, 2).flatten(0, 1).double()  # (n·patches, 3·patch²)
        eigenvalues, eigenvectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        scales = (eigenvalues + WHITENING_EPSILON).rsqrt()  # not sqrt(): MKL's rounds otherwise on other processors
        filters = (eigenvectors * scales).T.reshape(-1, 3, patch, patch)
        self.whitening.weight.copy_(torch.cat([filters, -filters]))


class _Residual(nn.Module):
    """Two layers and the sum with what they are given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_layer(channels), nn.GELU(), _layer(channels))

    def forward(self, features: Tensor) -> Tensor:
        return features + self.layers(features)


def _halving(channels_in: int, channels: int) -> nn.Sequential:
    """A layer that gives maps of half the height and width, activated."""
    return nn.Sequential(_convolution(channels_in, channels), nn.MaxPool2d(2), _normalization(channels), nn.GELU())


def _layer(channels: int) -> nn.Sequential:
    return nn.Sequential(_convolution(channels, channels), _normalization(channels))


def _convolution(channels_in: int, channels: int) -> nn.Conv2d:
    """A 3×3 convolution that starts as the identity on the channels that it has in common."""
    convolution = nn.Conv2d(channels_in, channels, 3, padding=1, bias=False)
    nn.init.dirac_(convolution.weight.data[: min(channels_in, channels)])
    return convolution


def _normalization(channels: int) -> nn.BatchNorm2d:
    normalization = nn.BatchNorm2d(channels, momentum=BATCHNORM_MOMENTUM)
    normalization.weight.requires_grad = False
    return normalization
