"""Folders of one's own images, one folder a class, to packed arrays."""

from pathlib import Path, PurePosixPath

import numpy as np

from darkroom.archives.member import Member
from darkroom.archives.opened import opened
from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.datasets.decode import decode_splits, decoding_workers
from darkroom.datasets.description import split_in
from darkroom.datasets.packed import describe
from darkroom.datasets.parameters import FolderParameters
from darkroom.datasets.splits import held_out

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")


def prepare_image_folder(parameters: FolderParameters, key: str, raw: Path, folder: Path, report: Path) -> None:
    """Write the splits of an archive of `CLASS/IMAGE` or `SPLIT/CLASS/IMAGE` files to `folder`.

    Splits that the archive has are kept; those that it lacks are held out of the training images,
    stratified. Class ids follow the classes' names, sorted.

    Args:
        key: the task's key in params.yaml, for messages.

    Raises:
        UserError: the archive is not of that layout, or the split asked for cannot be made.
    """
    with decoding_workers(fit=True) as decode, opened(raw, parameters.encoding) as members:
        splits = _splits(members, raw)
        classes = sorted({name for images in splits.values() for _, name in images})
        for split, images in splits.items():
            missing = sorted(set(classes) - {name for _, name in images})
            if missing:
                raise UserError(f"{raw}: class {missing[0]} has no image in {split}; add some or remove the class")
        for split, share in (("test", parameters.test), ("validation", parameters.validation)):
            if split not in splits:
                labels = np.array([classes.index(name) for _, name in splits["train"]])
                kept, chosen = held_out(labels, share, parameters.seed, split, f"{key}.{split}")
                train = splits["train"]
                splits |= {"train": [train[i] for i in kept], split: [train[i] for i in chosen]}
        ids = {name: label for label, name in enumerate(classes)}
        labelled = {split: [(member, ids[name]) for member, name in images] for split, images in splits.items()}
        with replacing(folder) as temporary:
            decode_splits(decode, temporary, labelled, (parameters.image_size, parameters.image_size))
            describe(temporary, classes, report)


def _splits(members: dict[str, Member], raw: Path) -> dict[str, list[tuple[Member, str]]]:
    """The images of each split that the archive has, with the names of their classes, sorted by file name."""
    images = {PurePosixPath(n).parts: m for n, m in sorted(members.items()) if n.lower().endswith(SUFFIXES)}
    splits: dict[str, list[tuple[Member, str]]] = {}
    for parts, member in images.items():
        if len(parts) < 2:
            raise UserError(f"{member}: stands in no folder; put each image into a folder named after its class")
        splits.setdefault(split_in(str(PurePosixPath(*parts[:-1]))) or "train", []).append((member, parts[-2]))
    if "train" not in splits:
        raise UserError(f"{raw}: has no training images; it needs files CLASS/IMAGE or train/CLASS/IMAGE")
    return splits
