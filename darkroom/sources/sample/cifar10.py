"""The sample for CIFAR-10: ten kinds of things, in the layout of the published binary archive."""

from collections.abc import Iterator

import numpy as np

from darkroom.common.progress import progress
from darkroom.sources.sample.containers import tar_gz
from darkroom.sources.sample.pictures import Difficulty, picture

CLASSES = ["arrow", "bolt", "fish", "house", "key", "moon", "mug", "ring", "star", "tree"]
SIDE = 32
TRAIN_BATCHES, TEST_IMAGES = 5, 1000
DIFFICULTY = Difficulty(clutter=6, noise=28, smallest=0.4, largest=0.75)


def cifar10_archive() -> bytes:
    """`cifar-10-binary.tar.gz`: five batches of 1,000 training images and one of 1,000 test images.

    A record is 1 byte of label and 3072 of pixels: the red plane, the green and the blue, row by row
    (https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version").
    """
    bar = progress((TRAIN_BATCHES + 1) * TEST_IMAGES, "drawing the CIFAR-10 sample")
    draw = np.random.default_rng(0)

    def batch() -> bytes:
        labels = draw.permutation(np.arange(TEST_IMAGES) % len(CLASSES))
        return b"".join(bytes([label]) + pixels(label) for label in labels)

    def pixels(label: int) -> bytes:
        bar.update()
        return picture(CLASSES[label], SIDE, DIFFICULTY, draw).transpose(2, 0, 1).tobytes()

    def files() -> Iterator[tuple[str, bytes]]:
        folder = "cifar-10-batches-bin"
        yield f"{folder}/batches.meta.txt", ("\n".join(CLASSES) + "\n\n").encode()
        for number in range(1, TRAIN_BATCHES + 1):
            yield f"{folder}/data_batch_{number}.bin", batch()
        yield f"{folder}/test_batch.bin", batch()

    archive = tar_gz(files())
    bar.close()
    return archive
