"""Ultralytics YOLO's segmentation sets: `images/SPLIT/`, `labels/SPLIT/NAME.txt` and `data.yaml`.

A line of a label file is the class, from 0 on without the background, and the corners of one closed line in fractions
of width and height. Holes and separate parts are joined by a line that goes there and back.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from darkroom.annotations.shapes import Ring
from darkroom.annotations.writers._base import SPLIT_NAMES, DrawnImage, Writer, Written, by_split
from darkroom.annotations.writers._objects import Item, find_items
from darkroom.annotations.writers._outlines import join_rings, moved, trace_edges
from darkroom.common.files import write_text


class Yolo(Writer):
    """YOLO's label files. A source without splits is all for training, since each image must be in one."""

    def image_folder(self, split: str | None) -> Path:
        """Return the folder of a split's images."""
        return self.root / "images" / SPLIT_NAMES[split or "train"]

    def write(self, image: DrawnImage) -> Written:
        """Write the label file of an image."""
        changed: Counter[str] = Counter()
        size = np.array(image.size, np.float64)

        def adapt(rings: Sequence[Ring]) -> list[Ring] | None:
            ring = join_rings(list(rings))
            is_inside = (ring >= 0).all() and (ring <= size).all()  # YOLO refuses files with points outside
            return [_fractions(ring, size) * size] if is_inside else None

        items = find_items(image, self.first, adapt, changed)
        lines = [f"{item.class_id - self.first} {_numbers(_fractions(_outline(item), size))}\n" for item in items]
        path = self.root / "labels" / SPLIT_NAMES[image.split or "train"] / f"{image.name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(lines))
        classes = frozenset(item.class_id for item in items)
        return Written(image.name, image.split, image.image.name, image.size, classes, None, changed)

    def finish(self, written: list[Written]) -> None:
        """Write data.yaml. Strings of JSON are strings of YAML too."""
        splits = dict.fromkeys(SPLIT_NAMES[split or "train"] for split in by_split(written))
        lines = [f"{name}: images/{name}" for name in dict.fromkeys(["train", "val", *splits])]
        names = [
            f"  {number}: {json.dumps(name, ensure_ascii=False)}"
            for number, name in enumerate(self.names[self.first :])
        ]
        write_text(self.root / "data.yaml", "\n".join([*lines, "names:", *names, ""]))

    def remarks(self, written: list[Written]) -> list[str]:
        """Return what the files do not hold, and whether YOLO lacks a split."""
        splits = by_split(written)
        remarks = super().remarks(written)
        if None in splits:
            remarks.append("all images are in images/train, since the source has no splits: move some to images/val")
        elif not {"train", "validation"} <= splits.keys():
            remarks.append("YOLO needs images/train and images/val, and the source has no such split")
        return remarks


def _outline(item: Item) -> Ring:
    if item.rings:
        return item.rings[0]
    region = item.region
    return join_rings([moved(ring, region) for ring in trace_edges(region.pixels)])


def _fractions(ring: Ring, size: Ring) -> Ring:
    """Return coordinates as fractions of width and height.

    Multiplied again, a coordinate may be smaller or larger by its last bit. Of the nearest fractions that one is taken
    which pycocotools rounds to the same fifth of a pixel.
    """
    nearest = ring / size
    fractions = nearest
    for other in (np.nextafter(nearest, 0), np.nextafter(nearest, 1)):
        is_same = np.floor(5 * (fractions * size) + 0.5) == np.floor(5 * ring + 0.5)
        fractions = np.where(is_same, fractions, other)
    return fractions


def _numbers(ring: Ring) -> str:
    """Return coordinates as the shortest texts that stand for exactly these numbers."""
    return " ".join(map(repr, ring.ravel().tolist()))
