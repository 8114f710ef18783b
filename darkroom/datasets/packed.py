"""Classification data sets on disk: two NumPy arrays a split, memory-mapped when read."""

from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from darkroom.common.errors import UserError
from darkroom.common.files import write_json
from darkroom.datasets.description import SPLITS, ChannelStatistics, Description

IMAGES_FOR_STATISTICS = 5_000


def images_path(folder: Path, split: str) -> Path:
    return folder / f"{split}_images.npy"


def create_images(folder: Path, split: str, count: int, height: int, width: int) -> np.ndarray:
    """A new array of `count` images to be filled, mapped to its file; uint8 (count, height, width, 3)."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = (count, height, width, 3)
    if count == 0:  # an empty file cannot be mapped
        np.save(images_path(folder, split), np.zeros(shape, np.uint8))
        return np.zeros(shape, np.uint8)
    return np.lib.format.open_memmap(images_path(folder, split), "w+", np.uint8, shape)


def write_labels(folder: Path, split: str, labels: np.ndarray) -> None:
    """Write the class ids (n,) of a split, in the order of its images."""
    np.save(folder / f"{split}_labels.npy", labels.astype(np.int64))


def read_split(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """The images, uint8 (n, h, w, 3), mapped and read-only, and their class ids, int64 (n,)."""
    labels = np.load(folder / f"{split}_labels.npy")
    return np.load(images_path(folder, split), mmap_mode="r" if len(labels) else None), labels


def check_classes(classes: list[str], raw: Path) -> None:
    """Refuse a data set in which there is nothing to tell apart, or one name for two classes.

    Raises:
        UserError: it has no two classes, or two of the same name.
    """
    if len(classes) < 2:
        raise UserError(f"{raw}: has {len(classes)} class ({', '.join(classes)}); give images of two at least")
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise UserError(f"{raw}: class {twice[0]} is named twice; give each class a name of its own")


def describe(folder: Path, classes: list[str], report: Path) -> None:
    """Write `dataset.json` for the splits in `folder`, and the number of images of each class to `report`."""
    statistics = ChannelStatistics()
    counts: dict[str, dict[str, int]] = {name: {} for name in classes}
    sizes = {}
    for split in SPLITS:
        images, labels = read_split(folder, split)
        sizes[split] = len(labels)
        for name, count in zip(classes, np.bincount(labels, minlength=len(classes)), strict=True):
            counts[name][split] = int(count)
        if split == "train":
            step = max(1, len(images) // IMAGES_FOR_STATISTICS)
            rows = images[::step].reshape(-1, *images.shape[2:])
            statistics.add(Image.fromarray(rows))
    mean, std = statistics.mean_and_std()
    Description("classification", classes, mean, std, sizes, list(images.shape[1:3])).write(folder)
    write_json(
        report,
        {"images": sizes, "classes": [{"name": name, "images": of_class} for name, of_class in counts.items()]},
    )
