"""Oxford-IIIT Pet's trimaps (https://www.robots.ox.ac.uk/~vgg/data/pets): 1 pet, 2 background, 3 border."""

from collections.abc import Hashable, Mapping
from pathlib import PurePosixPath

import numpy as np

from darkroom.annotations.pair import BACKGROUND, IGNORED, Pair, Refuse
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.png import look_up
from darkroom.archives.member import Member

UPRIGHT = False
FOLDER = "trimaps"
PET, SURROUNDINGS, BORDER = 1, 2, 3
LISTS = {"trainval.txt": "train", "test.txt": "test"}


def recognizes(members: Mapping[str, Member]) -> bool:
    return any(PurePosixPath(name).parent.name == FOLDER for name in members)


def pairs(members: Mapping[str, Member], parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
    """The images that have a trimap, in the splits of `annotations/trainval.txt` and `test.txt`.

    Refused: a trimap without its image.
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
        if path.parent.name != FOLDER or path.suffix != ".png":
            continue
        if path.stem not in images:
            refuse(f"{member}: its image {path.stem}.jpg is not in the archive; add it or remove the trimap")
            continue
        found.append(Pair(path.stem, images[path.stem], member, splits.get(path.stem, "train") if splits else None))
    return found


def classes(found: list[Pair], members: Mapping[str, Member], parameters: AnnotationParameters) -> dict[int, str]:
    """The background and the pet, called as the parameters say; by value."""
    pet = (parameters.classes or ["pet"])[0]
    return {SURROUNDINGS: BACKGROUND, PET: pet} | ({BORDER: pet} if parameters.border == "pet" else {})


def mask(pair: Pair, ids: dict[Hashable, int], size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The trimap as class ids, uint8 (height, width), and 0; the border is ignored where no class takes it."""
    return look_up(pair.annotation, {BORDER: IGNORED, **ids}, size), 0
