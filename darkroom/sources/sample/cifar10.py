"""The sample for CIFAR-10: ten kinds of things, in the layout of the published binary archive."""

from collections.abc import Iterator

import numpy as np

from darkroom.sources.sample.containers import tar_gz
from darkroom.sources.sample.pictures import Difficulty, pictures

CLASSES = ["arrow", "bolt", "fish", "house", "key", "moon", "mug", "ring", "star", "tree"]
SIDE = 32
TRAIN_BATCHES, TEST_IMAGES = 5, 500
DIFFICULTY = Difficulty(clutter=6, noise=28, smallest=0.4, largest=0.75)


def cifar10_archive() -> bytes:
    """`cifar-10-binary.tar.gz`: five batches of 500 training images and one of 500 test images.

    A record is 1 byte of label and 3072 of pixels: the red plane, the green and the blue, row by row
    (https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version").
    """
    draw = np.random.default_rng(0)
    batches = [draw.permutation(np.arange(TEST_IMAGES) % len(CLASSES)) for _ in range(TRAIN_BATCHES + 1)]
    names = [CLASSES[label] for labels in batches for label in labels]
    drawn = iter(pictures(names, SIDE, DIFFICULTY, "drawing the CIFAR-10 sample"))

    def files() -> Iterator[tuple[str, bytes]]:
        folder = "cifar-10-batches-bin"
        yield f"{folder}/batches.meta.txt", ("\n".join(CLASSES) + "\n\n").encode()
        for number, labels in enumerate(batches, start=1):
            name = f"data_batch_{number}.bin" if number <= TRAIN_BATCHES else "test_batch.bin"
            yield f"{folder}/{name}", b"".join(bytes([label]) + _planes(next(drawn)) for label in labels)

    return tar_gz(files())


def _planes(image: np.ndarray) -> bytes:
    return image.transpose(2, 0, 1).tobytes()
