"""Mean and standard deviation of the channels of images."""

from collections.abc import Iterable

import numpy as np
from PIL import Image


class ChannelStatistics:
    """Mean and standard deviation of each channel over many images, from exact integer sums."""

    def __init__(self) -> None:
        self.pixels = 0
        self.sums = np.zeros(3, np.int64)
        self.squares = np.zeros(3, np.int64)

    def add(self, image: Image.Image) -> None:
        """Count an RGB image."""
        self.pixels += image.width * image.height
        counts = np.array(image.histogram()).reshape(3, 256)
        self.sums += counts @ np.arange(256)
        self.squares += counts @ np.arange(256) ** 2

    @classmethod
    def total(cls, parts: Iterable["ChannelStatistics"]) -> "ChannelStatistics":
        """Return the statistics of all images that `parts` counted."""
        total = cls()
        for part in parts:
            total.pixels += part.pixels
            total.sums += part.sums
            total.squares += part.squares
        return total

    def mean_and_std(self) -> tuple[list[float], list[float]]:
        """Return both as shares of full scale (0 to 1), rounded to six decimals; 3 values each."""
        mean = self.sums / self.pixels
        std = np.sqrt(np.maximum(self.squares / self.pixels - mean**2, 1))
        return [round(float(m) / 255, 6) for m in mean], [round(float(s) / 255, 6) for s in std]
