"""What a prepared data set says of itself, in `dataset.json` beside its data."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from darkroom.common.errors import UserError
from darkroom.common.files import read_json, write_json
from darkroom.datasets.kinds import kind_of

SPLITS = ("train", "validation", "test")
SPLIT_FOLDERS = {
    **dict.fromkeys(["train", "training", "trn"], "train"),
    **dict.fromkeys(["val", "valid", "validation", "validate", "dev"], "validation"),
    **dict.fromkeys(["test", "testing", "tst", "eval", "evaluation"], "test"),
}
# Words that may stand beside a split's in a folder's name, as in seg_train; others may make it a class: test_tube.
BESIDE_SPLITS = {
    "set", "data", "dataset", "split", "image", "images", "img", "imgs", "mask", "masks", "label", "labels",
    "annotation", "annotations", "seg", "prepped",
}  # fmt: skip
WORDS = re.compile(r"[^\W\d_]+")


def split_word(folder: str) -> str | None:
    """The word of `SPLIT_FOLDERS` that a folder's name says, as train2017 and images_train do; None where none."""
    words = WORDS.findall(folder.lower())
    said = [word for word in words if word in SPLIT_FOLDERS]
    return said[0] if len(said) == 1 and BESIDE_SPLITS.issuperset(set(words) - {said[0]}) else None


def split_of(folder: str) -> str | None:
    """The split that a folder of this name stands for, None where it stands for none."""
    return SPLIT_FOLDERS.get(split_word(folder) or "")


def split_in(name: str) -> str | None:
    """The split that the last folder to stand for one on the path `name` stands for, None where none does."""
    folders = reversed(PurePosixPath(name).parts[:-1])
    return next((split for split in map(split_of, folders) if split), None)


def check_splits(names: Iterable[str], where: str) -> None:
    """Refuse files of which two folders of different names stand for the same split: nobody means them as one.

    Args:
        names: of the files, with their folders.
        where: they come from, for the message.

    Raises:
        UserError: there are such folders.
    """
    spelt: dict[str, tuple[str, str]] = {}
    for folder in dict.fromkeys(part for name in names for part in PurePosixPath(name).parts[:-1]):
        word = split_word(folder)
        if word:
            other, other_word = spelt.setdefault(SPLIT_FOLDERS[word], (folder, word))
            if other_word != word:
                raise UserError(
                    f"{where}: has folders {other} and {folder}, which both stand for the {SPLIT_FOLDERS[word]} "
                    "split; rename one"
                )


@dataclass(frozen=True)
class Description:
    """A prepared data set.

    Attributes:
        kind: the kind of task that it is for: a module of `darkroom.datasets.kinds`.
        classes: names by class id; of a segmentation, 0 is the background; of a regression, ranges of its numbers.
        mean, std: of each channel of the training images, as shares of full scale (0 to 1), or of each feature of the
            training points.
        images: how many, or how many points, each split holds.
        target_mean, target_std: of a regression's training targets.
        image_size: (height, width) where all images have the same, in pixels.
    """

    kind: str
    classes: list[str]
    mean: list[float]
    std: list[float]
    images: dict[str, int]
    image_size: list[int] | None = None
    target_mean: float = 0.0
    target_std: float = 1.0

    @property
    def score(self) -> str:
        """The metric that tells the best epoch."""
        return kind_of(self.kind).SCORE

    @property
    def outputs(self) -> int:
        """How many numbers a model gives for each image, pixel or point."""
        return kind_of(self.kind).count_outputs(self.classes)

    @property
    def size(self) -> tuple[int, ...]:
        """(height, width) of all images in pixels.

        Raises:
            ValueError: the images have sizes of their own.
        """
        if self.image_size is None:
            raise ValueError("the images have no common size")
        return tuple(self.image_size)

    def write(self, folder: Path) -> None:
        write_json(folder / "dataset.json", asdict(self))

    @classmethod
    def read(cls, folder: Path) -> "Description":
        return cls(**read_json(folder / "dataset.json"))


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
        """The statistics of all images that the parts counted."""
        total = cls()
        for part in parts:
            total.pixels += part.pixels
            total.sums += part.sums
            total.squares += part.squares
        return total

    def mean_and_std(self) -> tuple[list[float], list[float]]:
        """Both as shares of full scale, rounded to six places; (3,) each."""
        mean = self.sums / self.pixels
        std = np.sqrt(np.maximum(self.squares / self.pixels - mean**2, 1))
        return [round(float(m) / 255, 6) for m in mean], [round(float(s) / 255, 6) for s in std]
