"""JSON files of COCO's instance annotations, such as instances_train2017.json.

Polygons and run-length encodings (RLE), drawn by pycocotools. Smaller objects are drawn over larger ones. An image is
the one beside its JSON file, or the nearest of that name. Categories of several files are joined by their names. The
split is the one that the JSON file is named after, or the folder of the image. See https://cocodataset.org/#format-data.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from darkroom.annotations.formats._base import AnnotationFormat, Mask, Members, Refuse
from darkroom.annotations.image_index import ImageIndex
from darkroom.annotations.json_files import read_json_with_key
from darkroom.annotations.pair import (
    BACKGROUND,
    Pair,
    Size,
    WrongSize,
    check_points,
    class_name,
    count_outside,
    file_name,
)
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.split_folders import SPLIT_WORDS, split_in

JsonObject = dict[str, Any]  # its values are checked where they are used


class Coco(AnnotationFormat):
    """COCO's instance annotations. ORIENTATION is None, since the tools that write COCO's format differ."""

    def recognizes(self, members: Members, parameters: AnnotationParameters) -> bool:
        """Return whether there is a JSON file with images, annotations and categories."""
        return bool(_annotation_files(members))

    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return a pair for each image that a JSON file lists. An image without annotations is all background.

        Images that do not exist and annotations of images that are not listed are refused.
        """
        images, pairs = ImageIndex(members), []
        for file, content in _annotation_files(members):
            names = _category_names(file, content)
            shapes: dict[Hashable, list[JsonObject]] = defaultdict(list)
            for shape in content["annotations"]:
                category = names.get(_id(shape.get("category_id")))
                shapes[_id(shape.get("image_id"))].append(shape | {"category": category})
            split = _split(file.name)
            id_counts = Counter(_id(image.get("id")) for image in content["images"])
            for image in content["images"]:
                path, image_id = str(image.get("file_name")), _id(image.get("id"))
                if id_counts[image_id] > 1:
                    refuse(f"{file}: its image {path!r} has the id {image_id!r} of another; give each image its own id")
                    continue
                image_shapes = shapes.pop(image_id, [])
                try:
                    member = images.find(path, file, split)
                except UserError as ambiguous:
                    refuse(str(ambiguous))
                    continue
                if member is None:
                    refuse(f"{file}: its image {path!r} is not in the archive; add it or remove it")
                    continue
                entry = {"size": (image.get("width"), image.get("height")), "shapes": image_shapes}
                pairs.append(Pair(file_name(member.name), member, file, split or split_in(member.name), entry))
            for unlisted in shapes.keys() - id_counts.keys():
                refuse(f"{file}: has an annotation of image {unlisted!r}, which it does not list; remove it")
        return pairs

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the category names by themselves: those of `annotations.classes`, else all, sorted."""
        known = {
            name for file, content in _annotation_files(members) for name in _category_names(file, content).values()
        }
        names = parameters.classes or sorted(known - {BACKGROUND})
        for name in names:
            if name not in known:
                raise UserError(f"params.yaml: annotations.classes: no category is called {name!r}; remove it")
        return {name: name for name in (BACKGROUND, *names)}

    def annotated_size(self, pair: Pair) -> Size | None:
        """Return the size that the JSON file states for the image."""
        width, height = pair.entry["size"]
        has_size = isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0
        return (width, height) if has_size else None

    def draw_mask(self, pair: Pair, ids: Mapping[Hashable, int], size: Size, refuse: Refuse) -> tuple[Mask, int]:
        """Draw the objects of an image, smaller ones over larger ones. A crowd counts as an object."""
        stated = self.annotated_size(pair)
        if stated is not None and stated != size:
            raise WrongSize(
                f"{pair}: was drawn on {stated[0]}×{stated[1]} pixels, but its image has {size[0]}×{size[1]}"
            )
        regions, outside = [], 0
        for shape in pair.entry["shapes"]:
            owner = f"{pair}: annotation {shape.get('id')!r}"
            category = shape["category"]
            try:
                if category is None:
                    category_id = shape.get("category_id")
                    raise UserError(f"{owner} has the unknown category {category_id!r}; add it to categories")
                if category not in ids:
                    raise UserError(f"{owner} is of {category!r}; add it to annotations.classes")
                region, count = _draw_region(shape, owner, size)
            except UserError as error:
                refuse(str(error))
                continue
            regions.append((region, ids[category]))
            outside += count
        mask = np.zeros(size[::-1], np.uint8)
        for region, class_id in sorted(regions, key=lambda one: -int(one[0].sum())):
            mask[region] = class_id
        return mask, outside


def _draw_region(shape: JsonObject, owner: str, size: Size) -> tuple[np.ndarray, int]:
    """Return the pixels of an object, bool (height, width), and the number of its points outside the image."""
    from pycocotools import mask as rasterize

    width, height = size
    segmentation = shape.get("segmentation")
    if not segmentation and shape.get("bbox"):
        raise UserError(f"{owner} is a box without a shape; draw its shape, or leave it out by skip_bad")
    if isinstance(segmentation, list):
        if segmentation and not any(isinstance(part, list) for part in segmentation):
            raise UserError(f"{owner}: its segmentation is a flat list; make it a list of polygons: [[x, y, …]]")
        parts = [check_points(part, f"{owner}: a polygon") for part in segmentation if isinstance(part, list)]
        if not parts or len(parts) < len(segmentation) or min(map(len, parts)) < 3:
            raise UserError(f"{owner}: a polygon has fewer than three points; redraw it")
        flat = [[number for point in part for number in point] for part in parts]
        encoded = rasterize.merge(rasterize.frPyObjects(flat, height, width))
        return rasterize.decode(encoded).astype(bool), sum(count_outside(part, size) for part in parts)
    runs, stated = _read_runs(segmentation, owner)
    if stated != [height, width] or sum(runs) != width * height:
        raise UserError(
            f"{owner}: an RLE of {sum(runs)} pixels, of size {stated}, does not fit an image of {height}×{width}; "
            "export it again"
        )
    encoded = rasterize.frPyObjects({"counts": runs, "size": [height, width]}, height, width)
    return rasterize.decode(encoded).astype(bool), 0


def _read_runs(segmentation: object, owner: str) -> tuple[list[int], object]:
    """Return the run lengths of an RLE, plain or compressed, and the size that it states."""
    if isinstance(segmentation, dict):
        counts = segmentation.get("counts")
        runs = _decompress(counts) if isinstance(counts, str) else counts
        if isinstance(runs, list) and all(type(run) is int and run >= 0 for run in runs):
            return runs, segmentation.get("size")
    raise UserError(f"{owner}: its segmentation is neither polygons nor an RLE; export it again")


def _decompress(counts: str) -> list[int] | None:
    """Return the run lengths of a compressed RLE; None where the text is no such RLE.

    A length is written in groups of five bits, the lowest first, each in a character from `0` on. The sixth bit of a
    character says that more follow. The fifth bit of the last character is the sign. From the fourth length on, the
    number is the difference to the length two places before (pycocotools' maskApi.c). pycocotools itself decodes such
    texts too, but reads and writes outside its memory where a text is damaged.
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 30:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (bits & 16) << (shift - 4)
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    return runs if shift == 0 else None


def _category_names(file: Member, content: JsonObject) -> dict[Hashable, str]:
    """Return the names of a file's categories by the ids that this file gives them."""
    names: dict[Hashable, str] = {}
    for category in content["categories"]:
        category_id, name = _id(category.get("id")), class_name(str(category.get("name") or "").strip())
        if not name:
            raise UserError(f"{file}: category {category_id!r} has no name; give it one")
        other = names.setdefault(category_id, name)
        if other != name:
            raise UserError(
                f"{file}: category {category_id!r} is {other!r} and {name!r}; give each category its own id"
            )
    return names


def _id(value: object) -> int | str | None:
    """Return the id of an image or a category; None where the value cannot be one."""
    return value if type(value) is int or type(value) is str else None


def _annotation_files(members: Members) -> list[tuple[Member, JsonObject]]:
    files = [(member, _read_instances(member)) for name, member in members.items() if name.lower().endswith(".json")]
    return [(member, content) for member, content in files if content is not None]


@lru_cache(maxsize=8)
def _read_instances(member: Member) -> JsonObject | None:
    """Return the content of a file of instances; None of any other file, also of key points and of captions."""
    content = read_json_with_key(member, "annotations")
    if not isinstance(content, dict):
        return None
    for key in ("images", "annotations", "categories"):
        entries = content.get(key)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            return None
    return None if any(category.get("keypoints") for category in content["categories"]) else content


def _split(path: str) -> str | None:
    """Return the split that a JSON file is named after, else that of its folder, else None."""
    words = re.findall("[a-z]+", file_name(path).lower())
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), split_in(path))
