"""Folders of one's own images, one folder a class, to packed arrays."""

import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from darkroom.archives.member import Member
from darkroom.archives.opened import opened
from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.datasets.decode import decode_splits, decoding_workers
from darkroom.datasets.description import check_splits, split_of
from darkroom.datasets.packed import check_classes, describe
from darkroom.datasets.parameters import FolderParameters
from darkroom.datasets.splits import held_out

# Names of the parts of a set, in whatever way it was divided.
PART = re.compile(
    r"(part|fold|split|set|subset|batch|shard|chunk|session)[ _-]?([0-9]+|[a-z])?|hold[ _-]?out|(train|test|valid).*"
    r"|.*(train|test|valid)"
)
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")


def prepare_image_folder(parameters: FolderParameters, key: str, raw: Path, folder: Path, report: Path) -> None:
    """Write the splits of an archive of `CLASS/…/IMAGE` or `SPLIT/CLASS/…/IMAGE` files to `folder`.

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
        check_classes(classes, raw)
        for split, images in splits.items():
            missing = sorted(set(classes) - {name for _, name in images})
            if missing:
                raise UserError(f"{raw}: class {missing[0]} has no image in {split}; add some or remove the class")
        for split, share in (("test", parameters.test), ("validation", parameters.validation)):
            if split not in splits:
                labels = np.array([classes.index(name) for _, name in splits["train"]])
                kept, chosen = held_out(labels, share, parameters.seed, split, f"{key}.{split}", classes)
                train = splits["train"]
                splits |= {"train": [train[i] for i in kept], split: [train[i] for i in chosen]}
        if not splits["test"]:
            raise UserError(f"params.yaml: {key}.test = {parameters.test}: leaves no image to test on; hold out more")
        ids = {name: label for label, name in enumerate(classes)}
        labelled = {split: [(member, ids[name]) for member, name in images] for split, images in splits.items()}
        with replacing(folder) as temporary:
            decode_splits(decode, temporary, labelled, (parameters.image_size, parameters.image_size))
            describe(temporary, classes, report)


def _splits(members: dict[str, Member], raw: Path) -> dict[str, list[tuple[Member, str]]]:
    """The images of each split that the archive has, with the names of their classes, sorted by file name.

    A class is a folder right under the root, which is the folder that all images share, or right under a split's; what
    lies in folders below it belongs to it.

    Raises:
        UserError: an image is in no class, or the folders can be read in two ways.
    """
    images = {PurePosixPath(n).parts: m for n, m in sorted(members.items()) if n.lower().endswith(SUFFIXES)}
    if not images:
        raise UserError(f"{raw}: has no images ({', '.join(SUFFIXES)}); give folders of them, one a class")
    check_splits((member.name for member in images.values()), str(raw))
    depth = _depth_of_root([parts[:-1] for parts in images])
    below = [_Image(member, parts[depth:-1]) for parts, member in images.items()]
    has_splits = any(image.split for image in below)
    for image in below:
        if has_splits and image.split is None:
            _refuse_outside(image, below)
        if not image.inside:
            where = f"in {image.folders[0]}, which stands for a split," if image.folders else "in no folder"
            raise UserError(
                f"{image.member}: stands {where} and has no class; put it into a folder named after its class"
            )
        if any(split_of(folder) for folder in image.inside):
            raise UserError(
                f"{image.member}: has a split's folder in that of a class or another split; put train, val and test "
                "above the classes"
            )
    _refuse_parts(below, has_splits, raw)
    _refuse_two_levels(below, raw)
    splits: dict[str, list[tuple[Member, str]]] = {}
    for image in below:
        splits.setdefault(image.split or "train", []).append((image.member, image.inside[0]))
    if "train" not in splits:
        raise UserError(f"{raw}: has no training images; it needs files CLASS/IMAGE or train/CLASS/IMAGE")
    return splits


def _depth_of_root(folders: list[tuple[str, ...]]) -> int:
    """How many folders all images share, without that of a split, or of the only class, and what is below it."""
    first, last = min(folders), max(folders)
    depth = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    splits = [at for at, folder in enumerate(first[:depth]) if split_of(folder)]
    if splits and not any(split_of(folder) for own in folders for folder in own[depth : depth + 1]):
        return splits[0]
    return depth - 1 if depth and all(len(own) == depth for own in folders) else depth


class _Image(NamedTuple):
    """An image, and the folders that it is in below the root."""

    member: Member
    folders: tuple[str, ...]

    @property
    def split(self) -> str | None:
        return split_of(self.folders[0]) if self.folders else None

    @property
    def inside(self) -> tuple[str, ...]:
        """The folders from that of the class on."""
        inside = self.folders
        while self.split and inside and split_of(inside[0]) == self.split:
            inside = inside[1:]  # once, or again, as some zips have it
        return inside


def _refuse_outside(image: _Image, below: list[_Image]) -> None:
    """Refuse an image beside the folders of splits: it may be of a split of another name, or of a class called so."""
    other = next(one for one in below if one.split)
    raise UserError(
        f"{image.member}: is in no split's folder, but {other.member.name} is in that of the {other.split} split; move "
        "it into train, val or test, or call the folder another name if it is a class"
    )


def _refuse_parts(below: list[_Image], has_splits: bool, raw: Path) -> None:
    """Refuse folders that are named like parts of a set, each with the same classes below it."""
    tops = dict.fromkeys(image.folders[0] for image in below)
    if has_splits or not all(PART.fullmatch(top.lower()) for top in tops) or len(tops) < 2:
        return
    classes = [
        {image.folders[1] for image in below if image.folders[0] == top and len(image.folders) > 1} for top in tops
    ]
    if classes[0] and all(one & classes[0] for one in classes):
        first, second, *_ = tops
        raise UserError(
            f"{raw}: {first} and {second} look like parts of a set, with the same classes in each; call them train, "
            "val and test, or put their classes together"
        )


def _refuse_two_levels(below: list[_Image], raw: Path) -> None:
    """Refuse folders of two levels either of which may be the classes, and say which one was taken of others.

    They may be the lower ones where none is in two upper folders, and one of these has several: cats/persian and
    cats/siamese. Where several have the same, as in cats/web and dogs/web, it tells where an image is from.
    """
    lowers: dict[str, set[str]] = {}  # of each upper folder
    for image in below:
        lowers.setdefault(image.inside[0], set()).update(["/".join(image.inside[1:])] if image.inside[1:] else [])
    all_lowers = sorted(lower for own in lowers.values() for lower in own)
    if not all_lowers:
        return
    names = sorted(lowers)
    if len(set(all_lowers)) == len(all_lowers) and any(len(own) > 1 for own in lowers.values()):
        raise UserError(
            f"{raw}: the classes may be the folders {', '.join(names[:3])}, … or those in them, such as "
            f"{all_lowers[0]}; put the images of each class into one folder, without folders in it"
        )
    print(f"classes: {', '.join(names)}; the folders in them are taken together", flush=True)
