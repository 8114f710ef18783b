"""Random draws of single images, so that they do not depend on the batch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Draws:
    """The random draws of a batch of images. Each image has a generator of its own.

    Args:
        key: of the purpose, a 63-bit seed.
        indices: of the images, (b,).
    """

    def __init__(self, key: int, indices: Sequence[int] | NDArray[np.int64]) -> None:
        # Philox takes its key as it is. A generator that hashes its seed takes six times as long to make.
        self.generators = [np.random.Generator(np.random.Philox(key=[key, int(index)])) for index in indices]

    def normal(self, *shape: int) -> NDArray[np.float32]:
        """Draw from the standard normal distribution, float32 (b, *shape)."""
        return np.stack([generator.standard_normal(shape, np.float32) for generator in self.generators])

    def uniform(self, low: float, high: float, *shape: int) -> NDArray[np.float32]:
        """Draw evenly between two numbers, float32 (b, *shape)."""
        drawn = np.stack([generator.random(shape, np.float32) for generator in self.generators])
        return np.float32(low) + np.float32(high - low) * drawn

    def integers(self, low: int, high: int, *shape: int) -> NDArray[np.int32]:
        """Draw integers from `low` to `high` - 1, int32 (b, *shape)."""
        return np.stack([generator.integers(low, high, shape, np.int32) for generator in self.generators])
