"""The audit of images with one class each."""

from pathlib import Path
from typing import Any

import numpy as np

from darkroom.audit.cross_validation import cross_validated_logits
from darkroom.audit.duplicates import find_duplicates
from darkroom.audit.findings import Finding, Place
from darkroom.audit.images import find_odd_images
from darkroom.audit.kinds import Audited
from darkroom.audit.labels import find_label_errors
from darkroom.audit.outliers import find_outliers
from darkroom.audit.table import Entry, Named, Names, count_by_split
from darkroom.audit.thumbnails import read_thumbnails
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.left_out import digest_of, image_names, names_left_out
from darkroom.datasets.packed import read_files, read_split
from darkroom.evaluation.intervals import Interval, proportion_interval
from darkroom.evaluation.tables import read_names


def name_images(data: Path, description: Description) -> Names:
    """Return the names of all images: `SPLIT/DIGEST`."""
    files, left_out = read_files(data), names_left_out(data)
    names: Names = {}
    for split in SPLITS:
        images, labels = read_split(data, split)
        named = image_names(split, [digest_of(image) for image in images], left_out)
        of_split = files.get(split, [""] * len(labels))
        classes = [description.classes[label] for label in labels]
        names[split] = [Named(*one) for one in zip(named, of_split, classes, strict=True)]
    return names


def find(audited: Audited, _: Path) -> list[Finding]:
    """Return duplicates, images that look wrong by themselves, likely wrong labels and outliers.

    The labels are judged by networks that did not see an image in training, whatever its split.

    Args:
        audited: the data set.
    """
    thumbnails = {split: read_thumbnails(audited.data, audited.description, split) for split in SPLITS}
    findings = [*find_duplicates(thumbnails), *find_odd_images(thumbnails), *find_outliers(thumbnails)]
    splits = {split: read_split(audited.data, split) for split in SPLITS}
    places = [Place(split, index) for split, (_, labels) in splits.items() for index in range(len(labels))]
    images = np.concatenate([images for images, _ in splits.values()])
    labels = np.concatenate([labels for _, labels in splits.values()])
    classes = audited.description.classes
    logits = cross_validated_logits(images, labels, len(classes), audited.seed, audited.setup)
    return findings + [
        Finding("label_error", places[error.index], error.score, note=classes[error.suggested])
        for error in find_label_errors(logits, labels)
    ]


def count(data: Path, _: Description, entries: list[Entry]) -> dict[str, Any]:
    """Return the number of likely wrong labels in each split, and `imbalance`."""
    images = np.bincount(read_split(data, "train")[1])
    ratio = round(float(images.max() / images.min()), 2) if images.min() else None
    return {"label_errors": count_by_split(entries, "label_error"), "imbalance": ratio}


def score(predictions: Path, left_out: list[int]) -> tuple[float | None, Interval | None]:
    """Return the accuracy of the test split without some of its images, and its exact interval."""
    table = read_names(predictions / "predictions.csv").drop(index=left_out)
    correct = int((table["true"] == table["predicted"]).sum())
    return correct / len(table) if len(table) else None, proportion_interval(correct, len(table))
