"""Packed arrays from Tiny ImageNet's archive. Its val split is the test split here: its test images have no labels."""

import re
from pathlib import Path, PurePosixPath

import numpy as np

from darkroom.archives.index import open_archives
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.datasets.decode import decode_image, decode_splits, decoding_workers
from darkroom.datasets.packed import check_classes, describe
from darkroom.datasets.parameters import SplitParameters
from darkroom.datasets.splits import hold_out

IMAGE_SUFFIXES = (".jpeg", ".jpg", ".png")
Labelled = list[tuple[Member, int]]


def prepare_tiny_imagenet(parameters: SplitParameters, key: str, raw: Path, folder: Path) -> None:
    """Write the splits train, validation (held out of train) and test (the published val) to `folder`.

    Class ids follow the order of `wnids.txt`.

    Args:
        parameters: how to split.
        key: the task's key in params.yaml, for messages.
        raw: the folder of the archive.
        folder: where the data set is written.

    Raises:
        UserError: the archive has another layout, or the split is impossible.
    """
    with decoding_workers() as decode, open_archives(raw, parameters.encoding) as members:
        root = _find_root(members, raw)
        wnids = _read_text(members, f"{root}wnids.txt").split()
        train = _images_in_folders(members, root, wnids, raw, "train")
        test = _val_images(members, root, wnids, raw)
        labels = np.array([label for _, label in train])
        names = _class_names(_read_text(members, f"{root}words.txt"), wnids)
        check_classes(names, raw)
        kept, chosen = hold_out(
            labels, parameters.validation, parameters.seed, "validation", f"{key}.validation", names
        )
        first = decode_image(train[0][0])
        with replacing(folder) as temporary:
            splits = {"train": [train[i] for i in kept], "validation": [train[i] for i in chosen], "test": test}
            decode_splits(decode, temporary, splits, (first.height, first.width))
            describe(temporary, names)


def _find_root(members: dict[str, Member], raw: Path) -> str:
    """Return the folder that holds wnids.txt, with a slash at its end."""
    for name in members:
        if PurePosixPath(name).name == "wnids.txt":
            return name.removesuffix("wnids.txt")
    raise UserError(f"{raw}: has no wnids.txt; give an archive of Tiny ImageNet's layout")


def _read_text(members: dict[str, Member], name: str) -> str:
    if name not in members:
        raise UserError(f"the archive has no {name}; give one of Tiny ImageNet's layout")
    return members[name].text()


def _images_in_folders(members: dict[str, Member], root: str, wnids: list[str], raw: Path, split: str) -> Labelled:
    """Return the images of a split whose class is the name of their folder: SPLIT/WNID/ or SPLIT/WNID/images/.

    Their order is that of the numbers in their names, whatever the archive's is.
    """
    ids = {wnid: label for label, wnid in enumerate(wnids)}
    images = []
    for name, member in sorted(members.items(), key=_by_numbers):
        top, *folders = PurePosixPath(name.removeprefix(root)).parts[:-1] or [""]
        if top != split or folders[1:] not in ([], ["images"]) or not name.lower().endswith(IMAGE_SUFFIXES):
            continue
        wnid = folders[0] if folders else split
        if wnid not in ids:
            raise UserError(f"{member}: its class {wnid} is not in wnids.txt; add it there or remove it")
        images.append((member, ids[wnid]))
    missing = set(ids.values()) - {label for _, label in images}
    if missing:
        raise UserError(f"{raw}: class {wnids[min(missing)]} has no image in {split}/; give a complete archive")
    return images


def _by_numbers(item: tuple[str, Member]) -> list[str | int]:
    """Return a key that sorts a_2 before a_10."""
    return [int(part) if part.isdecimal() else part for part in re.split("([0-9]+)", item[0])]


def _val_images(members: dict[str, Member], root: str, wnids: list[str], raw: Path) -> Labelled:
    """Return the images that `val_annotations.txt` lists, or without it those in folders of their classes."""
    ids = {wnid: label for label, wnid in enumerate(wnids)}
    name = f"{root}val/val_annotations.txt"
    if name not in members:
        return _images_in_folders(members, root, wnids, raw, "val")
    images = []
    for number, line in enumerate(_read_text(members, name).splitlines(), start=1):
        file, wnid, *_ = line.split("\t") if "\t" in line else (line, "")
        if wnid not in ids:
            raise UserError(f"{members[name]}: line {number}: class {wnid!r} is not in wnids.txt")
        image = members.get(f"{root}val/images/{file}")
        if image is None:
            raise UserError(f"{members[name]}: line {number}: there is no val/images/{file}")
        images.append((image, ids[wnid]))
    missing = set(ids.values()) - {label for _, label in images}
    if missing:
        raise UserError(f"{members[name]}: class {wnids[min(missing)]} has no image in val/; give a complete archive")
    return images


def _class_names(words: str, wnids: list[str]) -> list[str]:
    """Return the first synonym of each wnid, with the wnid beside it if two classes share the synonym."""
    synonyms = dict(line.split("\t", 1) for line in words.splitlines() if "\t" in line)
    names = [synonyms.get(wnid, wnid).split(",")[0].strip() for wnid in wnids]
    return [f"{name} ({wnid})" if names.count(name) > 1 else name for name, wnid in zip(names, wnids, strict=True)]
