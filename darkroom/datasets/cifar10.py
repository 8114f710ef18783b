"""Packed arrays from the archives of CIFAR-10 and CIFAR-100, each in its binary and its python version."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from darkroom.archives.index import open_archives
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.datasets.batch_pickles import read_pickle
from darkroom.datasets.packed import CHANNELS, check_classes, describe, write_images, write_labels
from darkroom.datasets.parameters import SplitParameters
from darkroom.datasets.splits import hold_out

SIDE = 32
PIXELS = CHANNELS * SIDE * SIDE  # bytes of an image: the red plane, then the green and the blue

Batch = tuple[np.ndarray, np.ndarray]  # labels, uint8 (n,), and images, uint8 (n, PIXELS)


@dataclass(frozen=True)
class Layout:
    """One of the published forms.

    Attributes:
        name: for messages.
        train: a pattern of the names of the files with training images.
        first_train: the name of the first of them.
        test: the name of the file with test images.
        classes: the name of the file with the names of the classes.
        read: returns the labels and images in a file.
        read_classes: returns the names of the classes.
    """

    name: str
    train: str
    first_train: str
    test: str
    classes: str
    read: Callable[[Member], Batch]
    read_classes: Callable[[Member], list[str]]


def prepare_cifar10(parameters: SplitParameters, key: str, raw: Path, folder: Path) -> None:
    """Write the splits train, validation and test to `folder`, and the images per class to its `report.json`.

    The archive has one of the published layouts (https://www.cs.toronto.edu/~kriz/cifar.html) and any number of
    classes up to 256. Of CIFAR-100, the fine labels are the classes. The binary and the python version of the same
    images give the same bytes.

    Args:
        parameters: how to split.
        key: the task's key in params.yaml, for messages.
        raw: the folder of the archive.
        folder: where the data set is written.

    Raises:
        UserError: the archive has another layout, or the split is impossible.
    """
    with open_archives(raw, parameters.encoding) as members:
        layout, by_name = _find_layout(members, raw)
        classes = layout.read_classes(by_name[layout.classes])
        check_classes(classes, raw)
        batches = sorted(name for name in by_name if re.fullmatch(layout.train, name))
        parts = [_checked(by_name[name], layout.read(by_name[name]), classes) for name in batches]
        train = np.concatenate([labels for labels, _ in parts]), np.concatenate([images for _, images in parts])
        test = _checked(by_name[layout.test], layout.read(by_name[layout.test]), classes)
    _check_all_present(train[0], classes, raw, "training batches")
    _check_all_present(test[0], classes, raw, "test batch")

    kept, chosen = hold_out(
        train[0], parameters.validation, parameters.seed, "validation", f"{key}.validation", classes
    )
    splits = {"train": (train, kept), "validation": (train, chosen), "test": (test, np.arange(len(test[0])))}
    with replacing(folder) as temporary:
        for split, ((labels, planes), rows) in splits.items():
            images = planes[rows].reshape(-1, CHANNELS, SIDE, SIDE)
            write_images(temporary, split, images.transpose(0, 2, 3, 1))
            write_labels(temporary, split, labels[rows])
        describe(temporary, classes)


def _find_layout(members: dict[str, Member], raw: Path) -> tuple[Layout, dict[str, Member]]:
    """Return the layout that the archive has, and the files of this layout by name, without folders."""
    found = {layout: _files_of(layout, members) for layout in LAYOUTS}
    missing = {
        layout: [name for name in (layout.first_train, layout.test, layout.classes) if name not in files]
        for layout, files in found.items()
        if files
    }
    whole = [layout for layout, names in missing.items() if not names]
    if len(whole) > 1:
        raise UserError(f"{raw}: holds {' and '.join(layout.name for layout in whole)}; keep one of them")
    if not missing:
        raise UserError(
            f"{raw}: has none of CIFAR's files; give the archive of CIFAR-10 or CIFAR-100, binary or python version"
        )
    layout = min(missing, key=lambda layout: len(missing[layout]))
    if missing[layout]:
        raise UserError(f"{raw}: has no {missing[layout][0]}, which belongs to {layout.name}; give the whole archive")
    for name, files in found[layout].items():
        if len(files) > 1:
            raise UserError(f"{raw}: {name} is there twice, as {files[0].name} and {files[1].name}; keep one")
    return layout, {name: files[0] for name, files in found[layout].items()}


def _files_of(layout: Layout, members: dict[str, Member]) -> dict[str, list[Member]]:
    pattern = re.compile("|".join([layout.train, re.escape(layout.test), re.escape(layout.classes)]))
    found: dict[str, list[Member]] = {}
    for member in members.values():
        name = PurePosixPath(member.name).name
        if pattern.fullmatch(name):
            found.setdefault(name, []).append(member)
    return found


def _checked(member: Member, batch: Batch, classes: list[str]) -> Batch:
    """Return a batch whose labels are all those of classes."""
    labels, _ = batch
    wrong = np.flatnonzero(labels >= len(classes))
    if len(wrong):
        label = labels[wrong[0]]
        raise UserError(f"{member}: record {wrong[0]} has label {label}, but there are {len(classes)} classes")
    return batch


def _records(member: Member, label_bytes: int) -> Batch:
    """Return the labels and images of a binary file: of each image the labels, the last one counts, then its planes."""
    content, size = member.read(), label_bytes + PIXELS
    if not content or len(content) % size:
        raise UserError(f"{member}: has {len(content)} bytes, not a multiple of {size}; fetch the archive again")
    records = np.frombuffer(content, np.uint8).reshape(-1, size)
    return records[:, label_bytes - 1], records[:, label_bytes:]


def _pickled_batch(member: Member, key: str) -> Batch:
    """Return the labels, beneath `key`, and images of a pickled file."""
    content = read_pickle(member)
    labels, images = content.get(key), content.get("data")
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 256 for label in labels):
        raise UserError(f"{member}: has no list {key} of numbers from 0 to 255; fetch the archive again")
    if not isinstance(images, np.ndarray) or images.shape != (len(labels), PIXELS) or not labels:
        raise UserError(f"{member}: has no array data of {len(labels)} × {PIXELS} bytes; fetch the archive again")
    return np.array(labels, np.uint8), images


def _lines(member: Member) -> list[str]:
    return [line.strip() for line in member.text().splitlines() if line.strip()]


def _pickled_names(member: Member, key: str) -> list[str]:
    names = read_pickle(member).get(key)
    if not isinstance(names, list) or not all(isinstance(name, (str, bytes)) for name in names):
        raise UserError(f"{member}: has no list {key} of names; fetch the archive again")
    return [name if isinstance(name, str) else name.decode("latin1") for name in names]


LAYOUTS = (
    Layout(
        "CIFAR-10's binary version", r"data_batch_.*\.bin", "data_batch_1.bin", "test_batch.bin", "batches.meta.txt",
        lambda member: _records(member, 1), _lines,
    ),
    Layout(
        "CIFAR-10's python version", r"data_batch_\d+", "data_batch_1", "test_batch", "batches.meta",
        lambda member: _pickled_batch(member, "labels"), lambda member: _pickled_names(member, "label_names"),
    ),
    Layout(
        "CIFAR-100's binary version", r"train\.bin", "train.bin", "test.bin", "fine_label_names.txt",
        lambda member: _records(member, 2), _lines,
    ),
    Layout(
        "CIFAR-100's python version", "train", "train", "test", "meta",
        lambda member: _pickled_batch(member, "fine_labels"), lambda member: _pickled_names(member, "fine_label_names"),
    ),
)  # fmt: skip


def _check_all_present(labels: np.ndarray, classes: list[str], raw: Path, where: str) -> None:
    missing = set(range(len(classes))) - set(labels.tolist())
    if missing:
        raise UserError(f"{raw}: class {classes[min(missing)]} has no image in the {where}; give a complete archive")
