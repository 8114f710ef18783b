"""Oxford-IIIT Pet's trimaps (https://www.robots.ox.ac.uk/~vgg/data/pets): 1 pet, 2 background, 3 border."""

from collections.abc import Hashable, Mapping
from pathlib import PurePosixPath

import numpy as np

from darkroom.annotations import mask_files
from darkroom.annotations.images import Images
from darkroom.annotations.mask_files import stated_size
from darkroom.annotations.pair import BACKGROUND, IGNORED, Pair, Refuse
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError

__all__ = ["EXIF", "classes", "mask", "pairs", "recognizes", "stated_size"]

EXIF = "stored"  # MATLAB, which they were made with, knows none
FOLDER = "trimaps"
PET, SURROUNDINGS, BORDER = 1, 2, 3
LISTS = {"trainval.txt": "train", "test.txt": "test"}


def recognizes(members: Mapping[str, Member]) -> bool:
    return any(PurePosixPath(name).parent.name == FOLDER for name in members)


def pairs(members: Mapping[str, Member], parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
    """The images that have a trimap, in the splits of `annotations/trainval.txt` and `test.txt`.

    Refused: a trimap without its image.
    """
    images = Images({name: member for name, member in members.items() if name.lower().endswith(".jpg")})
    splits: dict[str, str] = {}
    for name, member in members.items():
        split = LISTS.get(PurePosixPath(name).name)
        for line in member.text().splitlines() if split else []:
            if line.strip() and splits.setdefault(line.split()[0], split) != split:
                raise UserError(f"{member}: {line.split()[0]} is in the other list too; remove it from one")
    found = []
    for name, member in sorted(members.items()):
        path = PurePosixPath(name)
        if path.parent.name != FOLDER or path.suffix != ".png":
            continue
        image = images.find(f"{path.stem}.jpg", member, None)
        if image is None:
            refuse(f"{member}: its image {path.stem}.jpg is not in the archive; add it or remove the trimap")
            continue
        found.append(Pair(path.stem, image, member, splits.get(path.stem, "train") if splits else None))
    return found


def classes(found: list[Pair], members: Mapping[str, Member], parameters: AnnotationParameters) -> dict[Hashable, str]:
    """The background and the pet, called as the parameters say, by value."""
    pet = (parameters.classes or ["pet"])[0]
    return {SURROUNDINGS: BACKGROUND, PET: pet} | ({BORDER: pet} if parameters.border == "pet" else {})


def mask(pair: Pair, ids: dict[Hashable, int], size: tuple[int, int], refuse: Refuse) -> tuple[np.ndarray, int]:
    """As `mask_files.mask`; the border is ignored where no class takes it."""
    return mask_files.mask(pair, {BORDER: IGNORED, **ids}, size, refuse)
