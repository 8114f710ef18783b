"""COCO's instance annotations (https://cocodataset.org/#format-data), rasterized by pycocotools."""

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping
from functools import lru_cache

import numpy as np

from darkroom.annotations.images import Images
from darkroom.annotations.json_files import json_with
from darkroom.annotations.pair import (
    BACKGROUND,
    Pair,
    Refuse,
    WrongSize,
    checked_points,
    class_name,
    count_outside,
    file_name,
)
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.split_folders import SPLIT_WORDS, split_in

EXIF = None  # pycocotools knows none, and tools differ


def recognizes(members: Mapping[str, Member]) -> bool:
    return bool(_annotation_files(members))


def pairs(members: Mapping[str, Member], parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
    """One pair for each image that an annotation file lists; without annotations it is all background.

    The split is the one that the file is named after (`instances_train2017.json`), or the folder of the image.
    Categories are those of their own file; an annotation's `category` is their name.
    Refused: images that are not there, and annotations of images that are not listed.
    """
    images, found = Images(members), []
    for annotation, content in _annotation_files(members):
        names = _categories(annotation, content)
        shapes = defaultdict(list)
        for shape in content["annotations"]:
            shapes[_key(shape.get("image_id"))].append(shape | {"category": names.get(_key(shape.get("category_id")))})
        split = _split(annotation.name)
        listed = Counter(_key(image.get("id")) for image in content["images"])
        for image in content["images"]:
            path, number = str(image.get("file_name")), _key(image.get("id"))
            if listed[number] > 1:
                refuse(f"{annotation}: its image {path!r} has the id {number!r} of another; number them anew")
                continue
            own = shapes.pop(number, [])
            try:
                member = images.find(path, annotation, split)
            except UserError as ambiguous:
                refuse(str(ambiguous))
                continue
            if member is None:
                refuse(f"{annotation}: its image {path!r} is not in the archive; add it or remove it")
                continue
            entry = {"size": (image.get("width"), image.get("height")), "shapes": own}
            found.append(Pair(file_name(member.name), member, annotation, split or split_in(member.name), entry))
        for number in shapes.keys() - listed.keys():
            refuse(f"{annotation}: has an annotation of image {number!r}, which it does not list; remove it")
    return found


def classes(found: list[Pair], members: Mapping[str, Member], parameters: AnnotationParameters) -> dict[str, str]:
    """The background, then the categories' names as the parameters order them, else sorted; by name."""
    known = {name for file, content in _annotation_files(members) for name in _categories(file, content).values()}
    names = parameters.classes or sorted(known - {BACKGROUND})
    for name in names:
        if name not in known:
            raise UserError(f"params.yaml: annotations.classes: no category is called {name!r}; remove it")
    return {name: name for name in (BACKGROUND, *names)}


def stated_size(pair: Pair) -> tuple[int, int] | None:
    """Width and height that the image had when it was annotated, where that is told."""
    size = pair.entry["size"]
    return size if all(isinstance(side, int) and side > 0 for side in size) else None


def mask(pair: Pair, ids: dict[Hashable, int], size: tuple[int, int], refuse: Refuse) -> tuple[np.ndarray, int]:
    """The instances of an image, smaller ones over larger ones; a crowd's region counts like any instance.

    Args:
        ids: class ids by category name.
        size: (width, height) of the image.
        refuse: told of an instance that cannot be drawn: an unknown category, or a segmentation that is none.

    Returns:
        uint8 (height, width), and how many points of polygons lie outside of it.

    Raises:
        WrongSize: the image had another size when it was annotated.
    """
    stated = stated_size(pair)
    if stated is not None and stated != size:
        raise WrongSize(f"{pair}: was drawn on {stated[0]}×{stated[1]} pixels, but its image has {size[0]}×{size[1]}")
    drawn, outside = [], 0
    for shape in pair.entry["shapes"]:
        owner = f"{pair}: annotation {shape.get('id')!r}"
        try:
            if shape["category"] is None:
                raise UserError(f"{owner} has the unknown category {shape.get('category_id')!r}; add it to categories")
            if shape["category"] not in ids:
                raise UserError(f"{owner} is of {shape['category']!r}; add it to annotations.classes")
            region, beyond = _region(shape, owner, size)
        except UserError as error:
            refuse(str(error))
            continue
        drawn.append((region, ids[shape["category"]]))
        outside += beyond
    result = np.zeros(size[::-1], np.uint8)
    for region, value in sorted(drawn, key=lambda one: -int(one[0].sum())):
        result[region] = value
    return result, outside


def _region(shape: dict, owner: str, size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The pixels of an instance, bool (height, width), and how many of its points lie outside."""
    from pycocotools import mask as rasterize

    width, height = size
    segmentation = shape.get("segmentation")
    if not segmentation and shape.get("bbox"):
        raise UserError(f"{owner} is a box without a shape; draw its shape, or leave it out by skip_bad")
    if isinstance(segmentation, list):
        if segmentation and not any(isinstance(part, list) for part in segmentation):
            raise UserError(f"{owner}: its segmentation is a flat list; make it a list of polygons: [[x, y, …]]")
        parts = [checked_points(part, f"{owner}: a polygon") for part in segmentation if isinstance(part, list)]
        if not parts or len(parts) < len(segmentation) or min(map(len, parts)) < 3:
            raise UserError(f"{owner}: a polygon has fewer than three points; redraw it")
        flat = [[number for point in part for number in point] for part in parts]
        encoded = rasterize.merge(rasterize.frPyObjects(flat, height, width))
        return rasterize.decode(encoded).astype(bool), sum(count_outside(part, size) for part in parts)
    runs = _runs(segmentation, owner)
    if segmentation.get("size") != [height, width] or sum(runs) != width * height:
        raise UserError(
            f"{owner}: an RLE of {sum(runs)} pixels, of size {segmentation.get('size')}, does not fit an image of "
            f"{height}×{width}; export it again"
        )
    encoded = rasterize.frPyObjects({"counts": runs, "size": [height, width]}, height, width)
    return rasterize.decode(encoded).astype(bool), 0


def _runs(segmentation: object, owner: str) -> list[int]:
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
        raise UserError(f"{owner}: its segmentation is neither polygons nor an RLE; export it again")
    return counts


def _categories(annotation: Member, content: dict) -> dict[Hashable, str]:
    """The names of a file's categories by its own numbers for them."""
    names: dict[Hashable, str] = {}
    for category in content["categories"]:
        number, name = _key(category.get("id")), class_name(str(category.get("name") or "").strip())
        if not name:
            raise UserError(f"{annotation}: category {number!r} has no name; give it one")
        if names.setdefault(number, name) != name:
            raise UserError(f"{annotation}: category {number!r} is {names[number]!r} and {name!r}; number them anew")
    return names


def _key(number: object) -> Hashable:
    """The number of an image or a category, as something to look up; None where it is none."""
    return number if type(number) in (int, str) else None


def _annotation_files(members: Mapping[str, Member]) -> list[tuple[Member, dict]]:
    files = [(member, _instances(member)) for name, member in members.items() if name.lower().endswith(".json")]
    return [(member, content) for member, content in files if content is not None]


@lru_cache(maxsize=8)
def _instances(member: Member) -> dict | None:
    """The content of a file of instances; None of any other, that of key points and captions among them."""
    content = json_with("annotations", member)
    lists = [content.get(key) for key in ("images", "annotations", "categories")] if isinstance(content, dict) else []
    if not lists or not all(isinstance(part, list) and all(isinstance(one, dict) for one in part) for part in lists):
        return None
    return None if any(category.get("keypoints") for category in content["categories"]) else content


def _split(annotation: str) -> str | None:
    words = re.findall("[a-z]+", file_name(annotation).lower())
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), split_in(annotation))
