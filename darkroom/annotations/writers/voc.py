"""Pascal VOC's layout: `JPEGImages/`, `SegmentationClass/`, `SegmentationObject/`, lists of splits, `class_names.txt`.

The masks are palette PNGs in Pascal VOC's colours. 255 is ignored.
"""

from collections import Counter
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from darkroom.annotations.pair import BACKGROUND_NAMES
from darkroom.annotations.writers._base import SPLIT_NAMES, DrawnImage, Writer, Written, by_split
from darkroom.common.errors import UserError
from darkroom.common.files import write_text
from darkroom.datasets.pairs import IGNORED


class Voc(Writer):
    """Pascal VOC's layout, with the objects where the source tells them from each other."""

    HAS_SPLIT_FOLDERS: ClassVar[bool] = False
    WANTS_OBJECTS: ClassVar[bool] = True

    def check_names(self) -> None:
        """Check that each name can be a line of the list of classes."""
        for name in self.names:
            if name != name.strip() or len(name.splitlines()) != 1 or name.startswith("#"):
                raise UserError(f"class {name!r}: cannot be a line of class_names.txt; rename it")

    def image_folder(self, split: str | None) -> Path:
        """Return the folder of all images."""
        return self.root / "JPEGImages"

    def write(self, image: DrawnImage) -> Written:
        """Write the masks of an image."""
        changed: Counter[str] = Counter()
        if image.image.suffix != ".jpg":
            changed["images stay PNG, where other programs may look for .jpg"] += 1
        _write_palette(self.root / "SegmentationClass" / f"{image.name}.png", image.mask)
        if image.objects is not None:
            if image.objects.max(initial=0) < IGNORED:
                objects = np.where(image.mask == IGNORED, IGNORED, image.objects).astype(np.uint8)
                _write_palette(self.root / "SegmentationObject" / f"{image.name}.png", objects)
            else:
                changed["images have more than 254 objects, and no file in SegmentationObject"] += 1
        classes = frozenset(np.flatnonzero(np.bincount(image.mask.ravel())).tolist()) - {IGNORED}
        return Written(image.name, image.split, image.image.name, image.size, classes, None, changed)

    def finish(self, written: list[Written]) -> None:
        """Write the lists of the splits and of the classes."""
        folder = self.root / "ImageSets" / "Segmentation"
        folder.mkdir(parents=True)
        for split, some in by_split(written).items():
            name = SPLIT_NAMES[split] if split else "trainval"
            write_text(folder / f"{name}.txt", "".join(f"{one.name}\n" for one in some))
        write_text(
            self.root / "class_names.txt",
            "\n".join([BACKGROUND_NAMES[1]] * self.first + self.names[self.first :] + [""]),
        )


def _write_palette(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    image = Image.fromarray(values)
    image.putpalette(voc_palette())
    image.save(path)


def voc_palette() -> bytes:
    """Return Pascal VOC's 256 colours.

    The bits of an index go in turn to red, green and blue, the lowest bits to the highest ones of the colours.
    """
    indices = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        colours[:, bit % 3] |= ((indices >> bit & 1) << (7 - bit // 3)).astype(np.uint8)
    return colours.tobytes()
