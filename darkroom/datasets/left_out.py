"""Names of packed images, and images that are left out of a prepared data set by these names.

A name is `SPLIT/DIGEST`, with the first digits of `digest_of` the image; the second of equal images in a split is
`SPLIT/DIGEST.2`, and so on. It does not change when other images are left out.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from darkroom.common.errors import UserError
from darkroom.common.files import read_json, replacing, write_json
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.packed import (
    allocate_images,
    describe,
    files_path,
    images_path,
    read_files,
    read_split,
    write_files,
    write_labels,
)
from darkroom.datasets.parameters import ImageParameters
from darkroom.datasets.report import NAME, read_report

DIGITS = 12  # of a digest in a name

P = TypeVar("P", bound=ImageParameters)


def digest_of(image: np.ndarray) -> str:
    """Return the SHA-256 of the size and the pixels of an image, uint8 (h, w, 3): equal for equal images alone."""
    return hashlib.sha256(b"%d %d " % image.shape[:2] + np.ascontiguousarray(image).tobytes()).hexdigest()


def image_names(split: str, digests: list[str], left_out: list[str]) -> list[str]:
    """Return the names of the images of a split.

    Args:
        split: train, validation or test.
        digests: of the images, in their order.
        left_out: names of images that were left out. Equal images keep their numbers.
    """
    names, counts, gone = [], Counter[str](), set(left_out)
    for digest in digests:
        stem = f"{split}/{digest[:DIGITS]}"
        while True:
            counts[stem] += 1
            name = stem if counts[stem] == 1 else f"{stem}.{counts[stem]}"
            if name not in gone:
                break
        names.append(name)
    return names


def names_left_out(data: Path) -> list[str]:
    """Return the names of the images that were left out of a prepared data set."""
    left_out: list[str] = read_report(data).get("left_out", [])
    return left_out


def leaving_out(prepare: Callable[[P, str, Path, Path], None]) -> Callable[[P, str, Path, Path], None]:
    """Return a preparation of packed images that leaves out those that `left_out` of its parameters names.

    Args:
        prepare: writes the whole data set, as `Preparation.prepare`.
    """

    def prepare_rest(parameters: P, key: str, raw: Path, folder: Path) -> None:
        if not parameters.left_out:
            prepare(parameters, key, raw, folder)
            return
        with replacing(folder) as temporary:
            prepare(parameters, key, raw, temporary)
            leave_out(temporary, parameters.left_out, f"{key}.audit.leave_out")

    return prepare_rest


def leave_out(folder: Path, names: list[str], key: str) -> None:
    """Remove images from the packed data set in `folder`, and list them in its report.

    Args:
        folder: of the data set. It is changed.
        names: of the images.
        key: the parameter that names them, for messages.

    Raises:
        UserError: there is no image of a name, or no image of a class would be left in a split.
    """
    for name in names:
        if name.partition("/")[0] not in SPLITS:
            raise UserError(f"params.yaml: {key}: {name!r}: is no name; write SPLIT/DIGEST, as audit.html copies it")
    classes = Description.read(folder).classes
    for split in SPLITS:
        named = [name for name in names if name.startswith(f"{split}/")]
        if named:
            _leave_out_of(folder, split, named, classes, key)
    describe(folder, classes)
    write_json(folder / NAME, {**read_json(folder / NAME), "left_out": sorted(set(names))})


def _leave_out_of(folder: Path, split: str, names: list[str], classes: list[str], key: str) -> None:
    """Remove the images of one split."""
    images, labels = read_split(folder, split)
    places = {name: index for index, name in enumerate(image_names(split, [digest_of(one) for one in images], []))}
    for name in names:
        if name not in places:
            raise UserError(
                f"params.yaml: {key}: {name!r}: no image of the split {split} has this name; delete it, or audit again "
                "where the seed or the archive has changed"
            )
    gone = {places[name] for name in names}
    kept = [index for index in range(len(labels)) if index not in gone]
    emptied = sorted(set(labels.tolist()) - set(labels[kept].tolist()))
    if emptied:
        raise UserError(
            f"params.yaml: {key}: names all images of class {classes[emptied[0]]} in the split {split}; keep some"
        )
    rest = folder / "rest"
    allocate_images(rest, split, len(kept), *images.shape[1:3])
    with images_path(rest, split).open("r+b") as file:
        file.seek(0, 2)
        file.seek(file.tell() - len(kept) * images[0].nbytes)
        for index in kept:
            file.write(images[index].tobytes())
    del images  # its map is closed, since Windows replaces no mapped file
    images_path(rest, split).replace(images_path(folder, split))
    rest.rmdir()
    write_labels(folder, split, labels[kept])
    if files_path(folder).exists():
        files = read_files(folder)
        write_files(folder, {**files, split: [files[split][index] for index in kept]})
