"""COCO-Stuff's pixel maps: PNGs of ids less one, named like the images, with `labels.txt` ("1: person" and so on).

The value 255 is unlabelled and ignored. The classes are those of `labels.txt` without the first: person has id 0. Map
and image are in folders of one name, such as `stuffthingmaps/train2017/X.png` and `images/train2017/X.jpg`. With
`annotations.classes` the others are background. See https://github.com/nightrome/cocostuff.
"""

import re
from collections import defaultdict
from collections.abc import Hashable
from pathlib import PurePosixPath
from typing import ClassVar

from darkroom.annotations.class_lists import choose_classes
from darkroom.annotations.formats._base import Members, Orientation, Refuse
from darkroom.annotations.mask_files import Key, MaskFileFormat, make_key
from darkroom.annotations.pair import Pair, file_name
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.split_folders import split_in

CLASS_LIST, FIRST_LINE = "labels.txt", re.compile(r"\ufeff?0:\s*unlabeled\s*")
LINE = re.compile(r"(\d+):\s*(\S.*?)\s*")
MAPS, IMAGES = ".png", (".jpg", ".jpeg")


class CocoStuff(MaskFileFormat):
    """COCO-Stuff's pixel maps. COCO's tools show photos as they are stored."""

    ORIENTATION: ClassVar[Orientation | None] = "stored"
    IS_PUBLISHED: ClassVar[bool] = True

    def recognizes(self, members: Members, parameters: AnnotationParameters) -> bool:
        """Return whether there is a list of classes whose first line is `0: unlabeled`."""
        return _find_class_list(members) is not None

    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return a pair for each pixel map and its image. Maps without an image are refused."""
        images: dict[Key, list[Member]] = defaultdict(list)
        for name, member in members.items():
            if name.lower().endswith(IMAGES):
                images[_key(name)].append(member)
        pairs = []
        for name, member in members.items():
            if not name.lower().endswith(MAPS):
                continue
            found = images.get(_key(name), [])
            if len(found) == 1:
                split = split_in(found[0].name)
                pairs.append(Pair(file_name(found[0].name), found[0], member, split))
            elif found:
                refuse(f"{member}: its image may be {found[0].name} or {found[1].name}; keep one of them")
            else:
                refuse(f"{member}: has no image of the same name and folder; add it or remove the map")
        return pairs

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the listed names by pixel value, which is the listed number less one.

        Raises:
            UserError: there is no list, or a line of it is none.
        """
        file = _find_class_list(members)
        if file is None:
            raise UserError('the archive has no labels.txt of COCO-Stuff, which begins with "0: unlabeled"; add it')
        names: dict[Hashable, str] = {}
        for line in file.text().splitlines():
            match = LINE.fullmatch(line.strip().lstrip("\ufeff"))
            if line.strip() and match is None:
                raise UserError(f"{file}: {line!r} is no number and name of a class; take the data set's own file")
            if match is None or int(match[1]) == 0:
                continue
            if int(match[1]) - 1 in names or match[2] in names.values():
                raise UserError(f"{file}: has the class {match[1]}: {match[2]!r} twice; keep one of them")
            names[int(match[1]) - 1] = match[2]
        return choose_classes(names, parameters)


def _key(name: str) -> Key:
    """Return the folder and the name of a file without its suffix."""
    path = PurePosixPath(name)
    return make_key([path.parent.name, path.stem])


def _find_class_list(members: Members) -> Member | None:
    for name, member in members.items():
        if PurePosixPath(name).name.lower() == CLASS_LIST:
            try:
                lines = member.text().splitlines()
            except UserError:
                continue
            if lines and FIRST_LINE.fullmatch(lines[0]):
                return member
    return None
