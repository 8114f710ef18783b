"""Oxford-IIIT Pet's trimaps: PNGs in `trimaps/` of the values 1 (pet), 2 (background) and 3 (border).

The border is ignored, or with `border: pet` counts as pet. The splits are those of the lists `trainval.txt` and
`test.txt`. See https://www.robots.ox.ac.uk/~vgg/data/pets.
"""

from collections.abc import Hashable, Mapping
from pathlib import PurePosixPath
from typing import ClassVar

from darkroom.annotations.formats._base import Drawing, Members, Orientation, Refuse
from darkroom.annotations.image_index import ImageIndex
from darkroom.annotations.mask_files import MaskFileFormat
from darkroom.annotations.pair import BACKGROUND, Pair, Size
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.common.errors import UserError
from darkroom.datasets.pairs import IGNORED

FOLDER = "trimaps"
PET, SURROUNDINGS, BORDER = 1, 2, 3  # pixel values
SPLITS_BY_LIST = {"trainval.txt": "train", "test.txt": "test"}


class Trimaps(MaskFileFormat):
    """Oxford-IIIT Pet's trimaps. MATLAB, which made them, shows photos as they are stored."""

    OPTIONS: ClassVar[frozenset[str]] = frozenset({"border"})
    ORIENTATION: ClassVar[Orientation | None] = "stored"

    def recognizes(self, members: Members, parameters: AnnotationParameters) -> bool:
        """Return whether there are files in a folder `trimaps`."""
        return any(PurePosixPath(name).parent.name == FOLDER for name in members)

    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return a pair for each trimap and its image. Where there are lists of splits, unlisted images train.

        Trimaps without an image are refused.

        Raises:
            UserError: both lists have the same name.
        """
        images = ImageIndex({name: member for name, member in members.items() if name.lower().endswith(".jpg")})
        splits = _read_splits(members)
        pairs = []
        for name, member in sorted(members.items()):
            path = PurePosixPath(name)
            if path.parent.name != FOLDER or path.suffix != ".png":
                continue
            image = images.find(f"{path.stem}.jpg", member, None)
            if image is None:
                refuse(f"{member}: its image {path.stem}.jpg is not in the archive; add it or remove the trimap")
                continue
            pairs.append(Pair(path.stem, image, member, splits.get(path.stem, "train") if splits else None))
        return pairs

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the background and the pet, the latter under the first name of the parameters, by pixel value."""
        pet = (parameters.classes or ["pet"])[0]
        names: dict[Hashable, str] = {SURROUNDINGS: BACKGROUND, PET: pet}
        return names | {BORDER: pet} if parameters.border == "pet" else names

    def draw(
        self, pair: Pair, ids: Mapping[Hashable, int], size: Size, refuse: Refuse, with_objects: bool = False
    ) -> Drawing:
        """Draw the mask as of other mask files. The border is ignored where it is not a class."""
        return super().draw(pair, {BORDER: IGNORED, **ids}, size, refuse)


def _read_splits(members: Members) -> dict[str, str]:
    """Return the split of each listed name."""
    splits: dict[str, str] = {}
    for path, member in members.items():
        split = SPLITS_BY_LIST.get(PurePosixPath(path).name)
        if split is None:
            continue
        for line in member.text().splitlines():
            if line.strip() and splits.setdefault(line.split()[0], split) != split:
                raise UserError(f"{member}: {line.split()[0]} is in the other list too; remove it from one")
    return splits
