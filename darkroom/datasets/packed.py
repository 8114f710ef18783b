"""Classification data sets on disk: two NumPy arrays per split, the images memory-mapped."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from darkroom.common.errors import UserError
from darkroom.common.files import read_json, write_json
from darkroom.datasets.channel_statistics import ChannelStatistics
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.report import write_report

CHANNELS = 3
IMAGES_FOR_STATISTICS = 5_000  # mean and deviation are of about so many, evenly spaced


def images_path(folder: Path, split: str) -> Path:
    """Return the path of a split's images."""
    return folder / f"{split}_images.npy"


def write_images(folder: Path, split: str, images: np.ndarray) -> None:
    """Write a split's images, uint8 (n, h, w, 3)."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(images_path(folder, split), np.ascontiguousarray(images))


def allocate_images(folder: Path, split: str, count: int, height: int, width: int) -> int:
    """Create the file of a split's images, to be filled, and return the bytes before the first image in it.

    No memory map is left that would have to be closed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shape = (count, height, width, CHANNELS)
    with images_path(folder, split).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        start = file.tell()
        file.truncate(start + math.prod(shape))
    return start


def write_labels(folder: Path, split: str, labels: np.ndarray) -> None:
    """Write the class ids (n,) of a split, in the order of its images."""
    np.save(folder / f"{split}_labels.npy", labels.astype(np.int64))


def read_split(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a split's images, uint8 (n, h, w, 3), mapped and read-only, and its class ids, int64 (n,)."""
    labels = np.load(folder / f"{split}_labels.npy")
    return np.load(images_path(folder, split), mmap_mode="r" if len(labels) else None), labels


def files_path(folder: Path) -> Path:
    """Return the path of the list of files from which images were packed. Sets that were arrays before have none."""
    return folder / "files.json"


def write_files(folder: Path, files: dict[str, list[str]]) -> None:
    """Write the names of the files in the archive, by split and in the order of the images."""
    write_json(files_path(folder), files)


def read_files(folder: Path) -> dict[str, list[str]]:
    """Return the names of the files that images were packed from, by split; {} where they were no files."""
    return read_json(files_path(folder)) if files_path(folder).exists() else {}


def check_classes(classes: list[str], raw: Path) -> None:
    """Refuse fewer than two classes and two of the same name.

    Raises:
        UserError: there are.
    """
    if len(classes) < 2:
        raise UserError(f"{raw}: has {len(classes)} class ({', '.join(classes)}); give images of at least two")
    repeated = [name for name, count in Counter(classes).items() if count > 1]
    if repeated:
        raise UserError(f"{raw}: class {repeated[0]} is named twice; give each class another name")


def describe(folder: Path, classes: list[str]) -> None:
    """Write `dataset.json` for the splits in `folder`, and the report of images per class, as `write_report`.

    The memory maps of the images are closed at its end, so that the folder can be renamed.
    """
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
    classes_report = [{"name": name, "images": by_split} for name, by_split in counts.items()]
    write_report(folder, {"images": sizes, "classes": classes_report})
