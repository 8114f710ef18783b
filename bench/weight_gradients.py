"""Measure ways to compute the weight gradient of 3×3 convolutions, in the shapes of a ResNet-18 for 32×32 images.

    python -m bench.weight_gradients [BATCH]

For each shape, in fp32 and bf16, prints GFLOP/s of PyTorch's forward pass and of its two gradients, and how many times
as fast as PyTorch's weight gradient each other way is: the median over rounds in which all take turns. The whole step
holds these convolutions 4, 3, 3 and 3 times.
"""

import statistics
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

SHAPES = ((64, 32), (128, 16), (256, 8), (512, 4))  # channels, and height and width of the maps
ROUNDS = 11


def forward(images: Tensor, weights: Tensor, gradient: Tensor) -> Tensor:
    """Return the output of the convolution."""
    return F.conv2d(images, weights, padding=1)


def _backward(images: Tensor, weights: Tensor, gradient: Tensor, wanted: list[bool]) -> tuple[Tensor, Tensor, Tensor]:
    gradients: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        gradient, images, weights, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, wanted
    )
    return gradients


def input_gradient(images: Tensor, weights: Tensor, gradient: Tensor) -> Tensor:
    """Return PyTorch's gradient of the images."""
    return _backward(images, weights, gradient, [True, False, False])[0]


def weight_gradient(images: Tensor, weights: Tensor, gradient: Tensor) -> Tensor:
    """Return PyTorch's gradient of the weights."""
    return _backward(images, weights, gradient, [False, True, False])[1]


def channels_first(images: Tensor, weights: Tensor, gradient: Tensor) -> Tensor:
    """Return PyTorch's gradient of the weights from tensors in NCHW, without the time of bringing them there."""
    return weight_gradient(images, weights, gradient)


def unfolded(images: Tensor, weights: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient as one product with the windows of all places, copied out of the padded images."""
    channels, channels_in = weights.shape[:2]
    padded = F.pad(images.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))  # (b, h + 2, w + 2, i)
    windows = padded.unfold(1, 3, 1).unfold(2, 3, 1).permute(0, 1, 2, 4, 5, 3)  # (b, h, w, 3, 3, i), a view
    rows = gradient.permute(0, 2, 3, 1).reshape(-1, channels)
    product = rows.T @ windows.reshape(-1, 9 * channels_in)
    return product.view(channels, 3, 3, channels_in).permute(0, 3, 1, 2)


def nine_products(images: Tensor, weights: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient as nine products of rows that are shifted against each other, without copies of windows.

    Images and gradient are padded by one row and one column of zeros, which serve both neighbours. In the flat list of
    all places, a shift of a window is then a constant offset.
    """
    channels, channels_in = weights.shape[:2]
    width = images.shape[3] + 1
    rows = F.pad(images.permute(0, 2, 3, 1), (0, 0, 0, 1, 0, 1)).view(-1, channels_in)  # (b·(h + 1)·(w + 1), i)
    others = F.pad(gradient.permute(0, 2, 3, 1), (0, 0, 0, 1, 0, 1)).view(-1, channels)
    result = images.new_empty(channels, 3, 3, channels_in)
    for row in range(3):
        for column in range(3):
            offset = (row - 1) * width + column - 1
            first, last = max(0, -offset), len(rows) - max(0, offset)
            result[:, row, column] = others[first:last].T @ rows[first + offset : last + offset]
    return result.permute(0, 3, 1, 2)


Pass = Callable[[Tensor, Tensor, Tensor], Tensor]
PASSES: tuple[Pass, ...] = (forward, input_gradient, weight_gradient)
WAYS: tuple[Pass, ...] = (channels_first, unfolded, nine_products)


def main(batch: int) -> None:
    """Measure all shapes in batches of `batch` images and print a line for each."""
    torch.set_num_threads(2)
    for dtype in (torch.float32, torch.bfloat16):
        for channels, side in SHAPES:
            seconds = measure(batch, channels, side, dtype)
            operations = 2 * 9 * channels**2 * side**2 * batch / 1e9
            speeds = ", ".join(f"{one.__name__} {operations / statistics.median(seconds[one]):.0f}" for one in PASSES)
            plain = seconds[weight_gradient]
            ratios = ", ".join(
                f"{one.__name__} {statistics.median(a / b for a, b in zip(plain, seconds[one], strict=True)):.2f}"
                for one in WAYS
            )
            print(
                f"{dtype}, {channels} channels of {side}×{side}: GFLOP/s {speeds}; times as fast: {ratios}", flush=True
            )


def measure(batch: int, channels: int, side: int, dtype: torch.dtype) -> dict[Pass, list[float]]:
    """Return the seconds of each pass and each way in every round."""
    draw = torch.Generator().manual_seed(0)
    shapes = ((batch, channels, side, side), (channels, channels, 3, 3), (batch, channels, side, side))
    plain = [torch.randn(shape, generator=draw).to(dtype) for shape in shapes]
    last = [tensor.to(memory_format=torch.channels_last) for tensor in plain]
    expected = weight_gradient(*last).float()
    seconds: dict[Pass, list[float]] = {one: [] for one in (*PASSES, *WAYS)}
    for _ in range(ROUNDS):
        for one, times in seconds.items():
            started = time.perf_counter()
            result = one(*(plain if one is channels_first else last))
            times.append(time.perf_counter() - started)
            if one in WAYS:
                torch.testing.assert_close(result.float(), expected, rtol=0.02, atol=0.02 * float(expected.abs().max()))
    return seconds


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 128)
