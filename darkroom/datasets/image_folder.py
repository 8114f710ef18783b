"""Packed arrays from folders of images, one folder per class."""

import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from darkroom.archives.index import open_archives
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.datasets.decode import decode_splits, decoding_workers
from darkroom.datasets.packed import check_classes, describe
from darkroom.datasets.parameters import FolderParameters
from darkroom.datasets.split_folders import check_splits, split_of
from darkroom.datasets.splits import hold_out

# Names of folders that are probably parts of a data set, and not classes.
PART = re.compile(
    r"(part|fold|split|set|subset|batch|shard|chunk|session)[ _-]?([0-9]+|[a-z])?|hold[ _-]?out|(train|test|valid).*"
    r"|.*(train|test|valid)"
)
Labelled = list[tuple[Member, str]]  # images with the names of their classes
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")


def prepare_image_folder(parameters: FolderParameters, key: str, raw: Path, folder: Path) -> None:
    """Write the splits of an archive of `CLASS/…/IMAGE` or `SPLIT/CLASS/…/IMAGE` files to `folder`.

    Splits of the archive are kept. Missing ones are held out of the training images, stratified. Class ids follow the
    sorted names of the classes.

    Args:
        parameters: how to split, and the size of the images.
        key: the task's key in params.yaml, for messages.
        raw: the folder of the archive.
        folder: where the data set is written.

    Raises:
        UserError: the archive has another layout, or the split is impossible.
    """
    with decoding_workers(fit=True) as decode, open_archives(raw, parameters.encoding) as members:
        splits, classes = read_image_folder(members, raw)
        for split, images in splits.items():
            missing = sorted(set(classes) - {name for _, name in images})
            if missing:
                raise UserError(f"{raw}: class {missing[0]} has no image in {split}; add some or remove the class")
        for split, share in (("test", parameters.test), ("validation", parameters.validation)):
            if split not in splits:
                labels = np.array([classes.index(name) for _, name in splits["train"]])
                kept, chosen = hold_out(labels, share, parameters.seed, split, f"{key}.{split}", classes)
                train = splits["train"]
                splits |= {"train": [train[i] for i in kept], split: [train[i] for i in chosen]}
        if not splits["test"]:
            raise UserError(f"params.yaml: {key}.test = {parameters.test}: leaves no image to test on; hold out more")
        ids = {name: label for label, name in enumerate(classes)}
        labelled = {split: [(member, ids[name]) for member, name in images] for split, images in splits.items()}
        with replacing(folder) as temporary:
            decode_splits(decode, temporary, labelled, (parameters.image_size, parameters.image_size))
            describe(temporary, classes)


def read_image_folder(members: dict[str, Member], raw: Path) -> tuple[dict[str, Labelled], list[str]]:
    """Return the images of each split that a folder or an archive has, and the sorted names of the classes.

    Args:
        members: the files by name.
        raw: the folder or archive, for messages.

    Raises:
        UserError: an image has no class, or the folders can be read in two ways.
    """
    splits = _read_splits(members, raw)
    classes = sorted({name for images in splits.values() for _, name in images})
    check_classes(classes, raw)
    return splits, classes


def _read_splits(members: dict[str, Member], raw: Path) -> dict[str, Labelled]:
    """Return the images of each split of the archive, with the names of their classes, sorted by file name.

    The root is the innermost folder that holds all images. A class is a folder directly below the root or below a
    split's folder; its subfolders belong to it.

    Raises:
        UserError: an image has no class, or the folders can be read in two ways.
    """
    images = {PurePosixPath(n).parts: m for n, m in sorted(members.items()) if n.lower().endswith(SUFFIXES)}
    if not images:
        raise UserError(f"{raw}: has no images ({', '.join(SUFFIXES)}); give folders of images, one per class")
    check_splits((member.name for member in images.values()), str(raw))
    depth = _root_depth([parts[:-1] for parts in images])
    below = [_Image(member, parts[depth:-1]) for parts, member in images.items()]
    has_splits = any(image.split for image in below)
    for image in below:
        if has_splits and image.split is None:
            _refuse_outside(image, below)
        if not image.inside:
            where = f"in {image.folders[0]}, which stands for a split," if image.folders else "in no folder"
            raise UserError(f"{image.member}: is {where} and has no class; put it into a folder named after its class")
        if any(split_of(folder) for folder in image.inside):
            raise UserError(
                f"{image.member}: has a split's folder inside the folder of a class or another split; put train, val "
                "and test above the classes"
            )
    _refuse_parts(below, has_splits, raw)
    _refuse_two_levels(below, raw)
    splits: dict[str, Labelled] = {}
    for image in below:
        splits.setdefault(image.split or "train", []).append((image.member, image.inside[0]))
    if "train" not in splits:
        raise UserError(f"{raw}: has no training images; it needs files CLASS/IMAGE or train/CLASS/IMAGE")
    return splits


def _root_depth(folders: list[tuple[str, ...]]) -> int:
    """Return the number of folders above the classes and splits that all images share.

    Args:
        folders: the path of each image.
    """
    first, last = min(folders), max(folders)
    depth = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    splits = [at for at, folder in enumerate(first[:depth]) if split_of(folder)]
    if splits and not any(split_of(folder) for path in folders for folder in path[depth : depth + 1]):
        return splits[0]  # all images are in one split
    is_one_class = depth and all(len(path) == depth for path in folders)
    return depth - 1 if is_one_class else depth


class _Image(NamedTuple):
    """An image and its folders below the root."""

    member: Member
    folders: tuple[str, ...]

    @property
    def split(self) -> str | None:
        """The split of the outermost folder; None if it stands for none."""
        return split_of(self.folders[0]) if self.folders else None

    @property
    def inside(self) -> tuple[str, ...]:
        """The folder of the class and those below it."""
        inside = self.folders
        while self.split and inside and split_of(inside[0]) == self.split:
            inside = inside[1:]  # some zips repeat the split's folder: seg_train/seg_train
        return inside


def _refuse_outside(image: _Image, below: list[_Image]) -> None:
    """Refuse an image outside the folders of splits: its folder may be a split by another name, or a class."""
    other = next(candidate for candidate in below if candidate.split)
    raise UserError(
        f"{image.member}: is in no split's folder, but {other.member.name} is in that of the {other.split} split; move "
        "it into train, val or test, or rename the folder if it is a class"
    )


def _refuse_parts(below: list[_Image], has_splits: bool, raw: Path) -> None:
    """Refuse folders that are named like parts of a data set and hold the same classes."""
    tops = dict.fromkeys(image.folders[0] for image in below)
    if has_splits or not all(PART.fullmatch(top.lower()) for top in tops) or len(tops) < 2:
        return
    classes = [
        {image.folders[1] for image in below if image.folders[0] == top and len(image.folders) > 1} for top in tops
    ]
    if classes[0] and all(names & classes[0] for names in classes):
        first, second, *_ = tops
        raise UserError(
            f"{raw}: {first} and {second} look like parts of a data set, with the same classes in each; rename them to "
            "train, val and test, or merge their classes"
        )


def _refuse_two_levels(below: list[_Image], raw: Path) -> None:
    """Refuse two levels of folders either of which may be the classes.

    The lower folders may be the classes if their names are all different and an upper folder has several:
    cats/persian and cats/siamese. Equal names, as in cats/web and dogs/web, are not classes: the upper folders are, and
    a message says so.
    """
    subfolders: dict[str, set[str]] = {}  # by upper folder
    for image in below:
        subfolders.setdefault(image.inside[0], set()).update(["/".join(image.inside[1:])] if image.inside[1:] else [])
    lower = sorted(name for names in subfolders.values() for name in names)
    if not lower:
        return
    names = sorted(subfolders)
    if len(set(lower)) == len(lower) and any(len(group) > 1 for group in subfolders.values()):
        raise UserError(
            f"{raw}: the classes may be the folders {', '.join(names[:3])}, … or those in them, such as "
            f"{lower[0]}; put the images of each class into one folder, without subfolders"
        )
    print(f"classes: {', '.join(names)}; their subfolders are merged", flush=True)
