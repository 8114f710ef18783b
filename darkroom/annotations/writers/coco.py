"""COCO's instance annotations: `annotations/instances_SPLIT.json` and `images/SPLIT/`."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from darkroom.annotations.pair import Size
from darkroom.annotations.shapes import Region
from darkroom.annotations.writers._base import SPLIT_NAMES, DrawnImage, Writer, Written, by_split
from darkroom.annotations.writers._objects import Item, find_items
from darkroom.common.files import write_text


class Coco(Writer):
    """COCO's instance annotations: annotated polygons, and compressed run lengths of other objects."""

    def image_folder(self, split: str | None) -> Path:
        """Return the folder of a split's images."""
        return self.root / "images" / SPLIT_NAMES.get(split or "", "")

    def write(self, image: DrawnImage) -> Written:
        """Return the annotations of an image, without ids."""
        changed: Counter[str] = Counter()
        items = find_items(image, self.first, list, changed)
        content = [{"category_id": item.class_id - self.first + 1, **_annotation(item, image.size)} for item in items]
        classes = frozenset(item.class_id for item in items)
        return Written(image.name, image.split, image.image.name, image.size, classes, content, changed)

    def finish(self, written: list[Written]) -> None:
        """Write a JSON file for each split."""
        categories = [{"id": number, "name": name} for number, name in enumerate(self.names[self.first :], 1)]
        for split, some in by_split(written).items():
            images: list[dict[str, Any]] = []
            annotations: list[dict[str, Any]] = []
            for image_id, one in enumerate(some, 1):
                width, height = one.size
                images.append({"id": image_id, "file_name": one.image, "width": width, "height": height})
                for entry in one.content:
                    annotations.append({"id": len(annotations) + 1, "image_id": image_id, **entry})
            content = {
                "info": {}, "licenses": [], "images": images, "annotations": annotations, "categories": categories
            }  # fmt: skip
            name = f"instances_{SPLIT_NAMES[split]}" if split else "instances"
            path = self.root / "annotations" / f"{name}.json"
            path.parent.mkdir(exist_ok=True)
            write_text(path, json.dumps(content, ensure_ascii=False) + "\n")


def _annotation(item: Item, size: Size) -> dict[str, Any]:
    region = item.drawn
    ys, xs = (np.flatnonzero(region.pixels.any(axis=axis)) for axis in (1, 0))
    box = [region.left + xs[0], region.top + ys[0], xs[-1] - xs[0] + 1, ys[-1] - ys[0] + 1]
    rings = [ring.ravel().tolist() for ring in item.rings]
    return {
        "segmentation": rings or _encode_runs(region, size),
        "area": int(region.pixels.sum()),
        "bbox": [int(number) for number in box],
        "iscrowd": 0,
    }


def _encode_runs(region: Region, size: Size) -> dict[str, Any]:
    """Return the pixels of a region as COCO's compressed run lengths. They go down the columns of the image."""
    from pycocotools import mask as rasterize

    width, height = size
    _, columns = region.slices
    part = np.zeros((columns.stop - columns.start, height), bool)
    part[:, region.slices[0]] = region.pixels.T
    places = np.flatnonzero(np.diff(part.ravel(), prepend=False, append=False)) + columns.start * height
    counts = np.diff([0, *places.tolist(), width * height]).tolist()
    encoded = rasterize.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return {"size": [height, width], "counts": encoded["counts"].decode()}
