"""Packed arrays from CIFAR-10's binary archive."""

from pathlib import Path

import numpy as np

from darkroom.archives.index import open_archives
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.datasets.packed import CHANNELS, check_classes, describe, write_images, write_labels
from darkroom.datasets.parameters import SplitParameters
from darkroom.datasets.splits import hold_out

SIDE = 32
RECORD = 1 + CHANNELS * SIDE * SIDE  # bytes: the label, then the red plane, the green and the blue


def prepare_cifar10(parameters: SplitParameters, key: str, raw: Path, folder: Path) -> None:
    """Write the splits train, validation and test to `folder`, and the images per class to its `report.json`.

    The archive has the layout of the binary version (https://www.cs.toronto.edu/~kriz/cifar.html) and any number of
    classes up to 256.

    Args:
        parameters: how to split.
        key: the task's key in params.yaml, for messages.
        raw: the folder of the archive.
        folder: where the data set is written.

    Raises:
        UserError: the archive has another layout, or the split is impossible.
    """
    with open_archives(raw, parameters.encoding) as members:
        by_name = {Path(name).name: member for name, member in members.items()}
        classes = _classes(by_name, raw)
        batches = sorted(name for name in by_name if name.startswith("data_batch_") and name.endswith(".bin"))
        if not batches or "test_batch.bin" not in by_name:
            raise UserError(f"{raw}: has no data_batch_1.bin … and test_batch.bin; give CIFAR-10's binary version")
        train = np.concatenate([_records(by_name[name], classes) for name in batches])
        test = _records(by_name["test_batch.bin"], classes)
    _check_all_present(train, classes, raw, "training batches")
    _check_all_present(test, classes, raw, "test batch")

    kept, chosen = hold_out(
        train[:, 0], parameters.validation, parameters.seed, "validation", f"{key}.validation", classes
    )
    with replacing(folder) as temporary:
        for split, records in {"train": train[kept], "validation": train[chosen], "test": test}.items():
            planes = records[:, 1:].reshape(-1, CHANNELS, SIDE, SIDE)
            write_images(temporary, split, planes.transpose(0, 2, 3, 1))
            write_labels(temporary, split, records[:, 0])
        describe(temporary, classes)


def _classes(by_name: dict[str, Member], raw: Path) -> list[str]:
    if "batches.meta.txt" not in by_name:
        raise UserError(f"{raw}: has no batches.meta.txt; give CIFAR-10's binary version")
    lines = by_name["batches.meta.txt"].text().splitlines()
    classes = [line.strip() for line in lines if line.strip()]
    check_classes(classes, raw)
    return classes


def _records(member: Member, classes: list[str]) -> np.ndarray:
    """Return all records of a batch file; uint8 (n, RECORD)."""
    content = member.read()
    if not content or len(content) % RECORD:
        raise UserError(f"{member}: has {len(content)} bytes, not a multiple of {RECORD}; fetch the archive again")
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    wrong = np.flatnonzero(records[:, 0] >= len(classes))
    if len(wrong):
        label = records[wrong[0], 0]
        raise UserError(f"{member}: record {wrong[0]} has label {label}, but there are {len(classes)} classes")
    return records


def _check_all_present(records: np.ndarray, classes: list[str], raw: Path, where: str) -> None:
    missing = set(range(len(classes))) - set(records[:, 0].tolist())
    if missing:
        raise UserError(f"{raw}: class {classes[min(missing)]} has no image in the {where}; give a complete archive")
