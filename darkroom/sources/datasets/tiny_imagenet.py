"""Tiny ImageNet: 110,000 labelled images of 64×64 pixels in 200 classes.

Le and Yang, "Tiny ImageNet Visual Recognition Challenge", 2015. The sample has 2,200 images of twenty silhouettes.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from darkroom.sources.dataset import Dataset, PublishedFile
from darkroom.sources.sample.containers import jpeg, zip_stored
from darkroom.sources.sample.pictures import Difficulty, draw_pictures
from darkroom.sources.sample.silhouettes import SILHOUETTES

SIDE = 64
TRAIN_IMAGES, VAL_IMAGES = 100, 10  # per class
GREY_EVERY = 60  # every 60th image is greyscale: the published set has such files too
QUALITY = 90
DIFFICULTY = Difficulty(clutter=4, noise=20, smallest=0.5, largest=0.85)


def draw_sample() -> dict[str, bytes]:
    """Draw `tiny-imagenet-200.zip` with 20 classes: 100 training and 10 validation images of 64×64 each."""
    wnids = {f"n9{number:07d}": name for number, name in enumerate(SILHOUETTES)}
    root = "tiny-imagenet-200"
    truth = np.random.default_rng(0).permutation(np.repeat(list(wnids), VAL_IMAGES))
    names = [name for name in wnids.values() for _ in range(TRAIN_IMAGES)] + [wnids[wnid] for wnid in truth]
    drawn = iter(draw_pictures(names, SIDE, DIFFICULTY, "drawing the Tiny ImageNet sample"))

    def image(number: int) -> bytes:
        picture = Image.fromarray(next(drawn))
        return jpeg(picture.convert("L") if number % GREY_EVERY == GREY_EVERY - 1 else picture, QUALITY)

    def files() -> Iterator[tuple[str, bytes]]:
        yield f"{root}/wnids.txt", "".join(f"{wnid}\n" for wnid in wnids).encode()
        yield f"{root}/words.txt", "".join(f"{wnid}\t{name}\n" for wnid, name in wnids.items()).encode()
        for wnid in wnids:
            names = [f"{wnid}_{number}.JPEG" for number in range(TRAIN_IMAGES)]
            boxes = "".join(f"{file}\t0\t0\t{SIDE - 1}\t{SIDE - 1}\n" for file in names)
            yield f"{root}/train/{wnid}/{wnid}_boxes.txt", boxes.encode()
            for number, file in enumerate(names):
                yield f"{root}/train/{wnid}/images/{file}", image(number)
        lines = [f"val_{number}.JPEG\t{wnid}\t0\t0\t{SIDE - 1}\t{SIDE - 1}\n" for number, wnid in enumerate(truth)]
        yield f"{root}/val/val_annotations.txt", "".join(lines).encode()
        for number in range(len(truth)):
            yield f"{root}/val/images/val_{number}.JPEG", image(number)

    return {"tiny-imagenet-200.zip": zip_stored(files())}


DATASET = Dataset(
    files=(
        PublishedFile(
            (
                "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
                "https://zenodo.org/records/10720917/files/tiny-imagenet-200.zip?download=1",
                "https://scidata.sjtu.edu.cn/records/swpcp-01e87/files/tiny-imagenet-200.zip?download=1",
            ),
            "90528d7ca1a48142e341f4ef8d21d0de",
        ),
    ),
    draw_sample=draw_sample,
)
