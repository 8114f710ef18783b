"""Oxford-IIIT Pet's trimaps (https://www.robots.ox.ac.uk/~vgg/data/pets): 1 pet, 2 background, 3 border."""

from pathlib import PurePosixPath

import numpy as np

from darkroom.annotations.pair import BACKGROUND, IGNORED, Classes, Pair
from darkroom.annotations.png import look_up
from darkroom.archives import Member
from darkroom.common.errors import UserError

PET, SURROUNDINGS, BORDER = 1, 2, 3
LISTS = {"trainval.txt": "train", "test.txt": "test"}


def pairs(members: dict[str, Member]) -> list[Pair]:
    """The images that have a trimap, in the splits of `annotations/trainval.txt` and `test.txt`.

    Raises:
        UserError: a trimap without its image.
    """
    images = {PurePosixPath(name).stem: m for name, m in members.items() if name.lower().endswith(".jpg")}
    splits = {}
    for name, member in members.items():
        if PurePosixPath(name).name in LISTS:
            lines = member.read().decode(errors="replace").splitlines()
            splits |= {line.split()[0]: LISTS[PurePosixPath(name).name] for line in lines if line.strip()}
    found = []
    for name, member in sorted(members.items()):
        path = PurePosixPath(name)
        if path.parent.name != "trimaps" or path.suffix != ".png":
            continue
        if path.stem not in images:
            raise UserError(f"{member}: its image {path.stem}.jpg is not in the archive; add it or remove the trimap")
        found.append(Pair(path.stem, images[path.stem], member, splits.get(path.stem, "train") if splits else None))
    return found


def class_names(found: list[Pair], members: dict[str, Member]) -> list[str]:
    return [BACKGROUND, "pet"]


def mask(pair: Pair, classes: Classes, size: tuple[int, int]) -> np.ndarray:
    """The trimap as class ids, uint8 (height, width): the pet's, the background's, the border ignored."""
    pet = classes.ids[classes.names[1]]
    return look_up(pair.annotation, {PET: pet, SURROUNDINGS: 0, BORDER: IGNORED}, size)
