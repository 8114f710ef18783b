"""Filters that several corruptions share, with the results of the libraries of the published code."""

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

LIGHTEST_TAP = 1e-3  # of a motion blur; taps of less weight change no value by a whole grey level
ROUNDING = 1e-2  # added before a sum of float32 loses its decimals, so that 255 stays 255


def filter_each(images: NDArray[np.generic], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlate images (b, h, w, 3) with a kernel, reflected at the border without repeating it; float32."""
    return np.stack([cv2.filter2D(image, cv2.CV_32F, kernel) for image in images])


def gaussian_each(
    images: NDArray[np.generic], sigma: float, truncate: float = 4.0, border: int = cv2.BORDER_REPLICATE
) -> NDArray[np.float32]:
    """Blur images (b, h, w, c) by a Gaussian that ends at `truncate` times sigma, as SciPy does; float32.

    Args:
        images: (b, h, w, c).
        sigma: standard deviation in pixels. 0: no blur.
        truncate: where the kernel ends.
        border: OpenCV's mode of the border.
    """
    radius = int(truncate * sigma + 0.5)
    if not radius:
        return images.astype(np.float32)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    return np.stack([cv2.sepFilter2D(image, cv2.CV_32F, kernel, kernel, borderType=border) for image in images])


def motion_blur_each(
    images: NDArray[np.uint8], radius: int, sigma: float, angles: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """Blur images along a line from each pixel, as ImageMagick's MotionBlurImage does.

    Args:
        images: uint8 (b, h, w) or (b, h, w, c).
        radius: pixels that the line reaches.
        sigma: of the Gaussian whose half weighs the line.
        angles: of the lines in degrees, (b,).
    """
    taps = np.arange(2 * radius + 1)
    weights = np.exp(-(taps**2) / (2 * sigma**2))
    weights /= weights.sum()
    taps, weights = taps[weights >= LIGHTEST_TAP], weights[weights >= LIGHTEST_TAP]
    weights /= weights.sum()
    reach = len(taps) - 1
    blurred = np.empty_like(images)
    for image, angle, out in zip(images, np.deg2rad(angles.astype(np.float64)), blurred, strict=True):
        rows = np.ceil(taps * math.sin(angle) - 0.5).astype(int)
        columns = np.ceil(taps * math.cos(angle) - 0.5).astype(int)
        kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
        np.add.at(kernel, (reach + rows, reach + columns), weights)
        top, bottom = min(rows.min(), 0) + reach, max(rows.max(), 0) + reach + 1
        left, right = min(columns.min(), 0) + reach, max(columns.max(), 0) + reach + 1
        anchor = (reach - left, reach - top)
        kernel = kernel[top:bottom, left:right]
        out[...] = cv2.filter2D(image, cv2.CV_32F, kernel, None, anchor, ROUNDING, cv2.BORDER_REPLICATE)
    return blurred


@cache
def zoom_matrix(side: int, factor: float) -> NDArray[np.float32]:
    """Return the linear map of a zoom into the middle of a line of `side` pixels, float32 (side, side).

    The middle is enlarged by linear interpolation between the centres of its first and last pixel, as by
    `scipy.ndimage.zoom`, and cut to `side` again.
    """
    cut = math.ceil(side / factor)
    enlarged = round(cut * factor)
    places = np.arange(side) + (enlarged - side) // 2
    origins = places * ((cut - 1) / max(1, enlarged - 1))
    lower = np.minimum(origins.astype(int), max(0, cut - 2))
    matrix = np.zeros((side, side))
    first = (side - cut) // 2
    np.add.at(matrix, (np.arange(side), first + lower), 1 - (origins - lower))
    np.add.at(matrix, (np.arange(side), first + np.minimum(lower + 1, cut - 1)), origins - lower)
    return matrix.astype(np.float32)
