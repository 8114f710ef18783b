"""COCO's instance annotations (https://cocodataset.org/#format-data), rasterized by pycocotools."""

import json
import re
from collections import defaultdict
from collections.abc import Hashable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

import numpy as np

from darkroom.annotations.pair import (
    BACKGROUND,
    IMAGE_SUFFIXES,
    Pair,
    Refuse,
    WrongSize,
    checked_points,
    count_outside,
    file_name,
)
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.description import SPLIT_FOLDERS, split_in

UPRIGHT = False  # pycocotools knows no EXIF


def recognizes(members: Mapping[str, Member]) -> bool:
    return bool(_annotation_files(members))


def pairs(members: Mapping[str, Member], parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
    """One pair for each image that an annotation file lists; without annotations it is all background.

    The split is the one that the file is named after (`instances_train2017.json`), or the folder of the image.
    Refused: images that are not there, and annotations of images that are not listed.
    """
    images = defaultdict(list)
    for name, member in members.items():
        if name.lower().endswith(IMAGE_SUFFIXES):
            images[PurePosixPath(name).name].append(member)
    found = []
    for annotation, content in _annotation_files(members):
        shapes = defaultdict(list)
        for shape in content["annotations"]:
            shapes[shape.get("image_id")].append(shape)
        split = _split(annotation.name)
        for image in content["images"]:
            own = shapes.pop(image.get("id"), [])
            member = _nearest_image(images, str(image.get("file_name")), annotation.name)
            if member is None:
                refuse(f"{annotation}: its image {image.get('file_name')!r} is not in the archive; add it or remove it")
                continue
            entry = {"size": (image.get("width"), image.get("height")), "shapes": own}
            found.append(Pair(file_name(member.name), member, annotation, split or split_in(member.name), entry))
        for number in shapes:
            refuse(f"{annotation}: has an annotation of image {number!r}, which it does not list; remove it")
    return found


def classes(found: list[Pair], members: Mapping[str, Member], parameters: AnnotationParameters) -> dict[int, str]:
    """The background, then the categories' names as the parameters order them, else sorted; by category number."""
    categories = [category for _, content in _annotation_files(members) for category in content["categories"]]
    names = parameters.classes or sorted({str(category.get("name")) for category in categories})
    for name in names:
        if name not in {category.get("name") for category in categories}:
            raise UserError(f"params.yaml: annotations.classes: no category is called {name!r}; remove it")
    numbers = {name: [c.get("id") for c in categories if c.get("name") == name] for name in names}
    return {None: BACKGROUND, **{number: name for name in names for number in numbers[name]}}


def mask(pair: Pair, ids: dict[Hashable, int], size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The instances of an image, smaller ones over larger ones; a crowd's region counts like any instance.

    Args:
        ids: class ids by category number.
        size: (width, height) of the image.

    Returns:
        uint8 (height, width), and how many points of polygons lie outside of it.

    Raises:
        UserError: an unknown category, a segmentation that is none, or another size.
    """
    stated = pair.entry["size"]
    if stated != (None, None) and stated != size:
        raise WrongSize(f"{pair}: was drawn on {stated[0]}×{stated[1]} pixels, but its image has {size[0]}×{size[1]}")
    drawn, outside = [], 0
    for shape in pair.entry["shapes"]:
        category = shape.get("category_id")
        if not isinstance(category, int) or category not in ids:
            raise UserError(f"{pair}: unknown category {category!r}; add its name to annotations.classes")
        region, beyond = _region(shape.get("segmentation"), pair, size)
        drawn.append((region, ids[category]))
        outside += beyond
    result = np.zeros(size[::-1], np.uint8)
    for region, value in sorted(drawn, key=lambda one: -int(one[0].sum())):
        result[region] = value
    return result, outside


def _region(segmentation: object, pair: Pair, size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The pixels of an instance, bool (height, width), and how many of its points lie outside."""
    from pycocotools import mask as rasterize

    width, height = size
    if isinstance(segmentation, list):
        parts = [checked_points(part, f"{pair}: a polygon") for part in segmentation if isinstance(part, list)]
        if not parts or len(parts) < len(segmentation) or min(map(len, parts)) < 3:
            raise UserError(f"{pair}: a polygon has fewer than three points; redraw it")
        flat = [[number for point in part for number in point] for part in parts]
        encoded = rasterize.merge(rasterize.frPyObjects(flat, height, width))
        return rasterize.decode(encoded).astype(bool), sum(count_outside(part, size) for part in parts)
    runs = _runs(segmentation, pair)
    if segmentation.get("size") != [height, width] or sum(runs) != width * height:
        raise UserError(
            f"{pair}: an RLE of {sum(runs)} pixels, of size {segmentation.get('size')}, does not fit an image of "
            f"{height}×{width}; export it again"
        )
    encoded = rasterize.frPyObjects({"counts": runs, "size": [height, width]}, height, width)
    return rasterize.decode(encoded).astype(bool), 0


def _runs(segmentation: object, pair: Pair) -> list[int]:
    """The lengths of an RLE's runs, from the plain or the compressed form.

    A compressed length is written in groups of five bits, the lowest first, each in a character from `0` on whose
    sixth bit says that more follow; the sign is the fifth bit of the last. From the fourth on, it is the
    difference to the length before the last (pycocotools' maskApi.c).
    """
    counts = segmentation.get("counts") if isinstance(segmentation, dict) else None
    if isinstance(counts, str):
        runs, value, shift = [], 0, 0
        for character in counts:
            bits = ord(character) - 48
            if not 0 <= bits < 64 or shift > 30:
                break
            value |= (bits & 31) << shift
            shift += 5
            if not bits & 32:
                value -= (bits & 16) << (shift - 4)
                runs.append(value + (runs[-2] if len(runs) > 2 else 0))
                value, shift = 0, 0
        else:
            counts = runs if shift == 0 else None
    if not isinstance(counts, list) or not all(type(run) is int and run >= 0 for run in counts):
        raise UserError(f"{pair}: a segmentation is neither polygons nor an RLE; export it again")
    return counts


def _annotation_files(members: Mapping[str, Member]) -> list[tuple[Member, dict]]:
    files = [(member, _read(member)) for name, member in members.items() if name.lower().endswith(".json")]
    return [(member, content) for member, content in files if content is not None]


@lru_cache(maxsize=8)
def _read(member: Member) -> dict | None:
    """The content of a file of instances; None of any other, that of key points and captions among them."""
    try:
        content = json.loads(member.read())
    except (ValueError, RecursionError):
        return None
    lists = [content.get(key) for key in ("images", "annotations", "categories")] if isinstance(content, dict) else []
    if not lists or not all(isinstance(part, list) and all(isinstance(one, dict) for one in part) for part in lists):
        return None
    return None if any("keypoints" in category for category in content["categories"]) else content


def _nearest_image(images: Mapping[str, list[Member]], path: str, annotation: str) -> Member | None:
    """The image called so, in the folder that the annotation file is named after where several are."""
    found = [m for m in images.get(PurePosixPath(path).name, []) if f"/{m.name}".endswith(f"/{path}")]
    named_after = [m for m in found if PurePosixPath(m.name).parent.name in PurePosixPath(annotation).stem]
    return next(iter(named_after or found), None)


def _split(annotation: str) -> str | None:
    words = re.findall("[a-z]+", file_name(annotation).lower())
    return next((SPLIT_FOLDERS[word] for word in words if word in SPLIT_FOLDERS), split_in(annotation))
