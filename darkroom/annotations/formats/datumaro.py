"""JSON files of Datumaro, such as annotations/train.json, with the images in images/train.

Polygons, masks and ellipses, drawn in the order of `z_order` and then of the file. The classes are the label
categories, in their order. Each file is a subset, and its name tells the split. See
https://open-edge-platform.github.io/datumaro/latest/docs/data-formats/formats/datumaro.html.
"""

from collections.abc import Hashable
from typing import Any, ClassVar

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.formats._base import Refuse
from darkroom.annotations.formats._shapes import ShapeFormat
from darkroom.annotations.formats.coco import read_rle
from darkroom.annotations.pair import Size, check_points, file_name
from darkroom.annotations.shapes import AnnotatedImage, Ellipse, Geometry, Polygon, Shape, ring
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.split_folders import split_in_file_name

JsonObject = dict[str, Any]  # its values are checked where they are used

AREAS = ("polygon", "mask", "ellipse")
PARTS = ("bbox", "points")  # of an object; they are not needed where the same group has its shape
# What an annotation without an area is, by its type.
NO_AREA = {
    "bbox": "is a box without a shape",
    "rotated_bbox": "is a box without a shape",
    "polyline": "is a polyline, which has no area",
    "points": "is key points, which have no area",
    "skeleton": "is a skeleton, which has no area",
    "label": "is a label of the whole image",
    "caption": "is a caption of the whole image",
    "cuboid_2d": "is a cuboid, whose faces overlap",
    "cuboid_3d": "is a cuboid in space",
}


class Datumaro(ShapeFormat):
    """Datumaro's JSON files. ORIENTATION is None, since the tools that write Datumaro's format differ."""

    TITLE: ClassVar[str] = "Datumaro"
    KEEPS_CLASS_ORDER: ClassVar[bool] = True

    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether a JSON file has items and categories."""
        if not file.may_have("categories", "items"):
            return False
        content = file.json
        return (
            isinstance(content, dict)
            and isinstance(content.get("categories"), dict)
            and isinstance(content.get("items"), list)
        )

    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the images of a file with their shapes, and its label categories."""
        content = file.json
        names = _label_names(content["categories"], file)
        images = []
        for number, item in enumerate(content["items"]):
            try:
                images.append(_read_item(item, names, number, file, refuse))
            except UserError as error:
                refuse(str(error))
        return images, {name: name for name in names}

    def split_of(self, member: Member) -> str | None:
        """Return the split of the subset that a JSON file is named after, else that of its folder."""
        return split_in_file_name(member.name)


def _label_names(categories: JsonObject, file: AnnotationFile) -> list[str]:
    """Return the names of the labels by their ids."""
    category = categories.get("label")
    labels = category.get("labels") if isinstance(category, dict) else []
    if not isinstance(labels, list):
        labels = [None]
    names = []
    for number, label in enumerate(labels):
        name = label.get("name") if isinstance(label, dict) else None
        if not isinstance(name, str) or not name:
            raise UserError(f"{file}: label {number} has no name; give it one")
        names.append(name)
    return names


def _read_item(item: object, names: list[str], number: int, file: AnnotationFile, refuse: Refuse) -> AnnotatedImage:
    if not isinstance(item, dict) or not isinstance(item.get("annotations", []), list):
        raise UserError(f"{file}: items[{number}] is no image with annotations; export it again")
    path, size = _find_image(item, f"{file}: items[{number}], {item.get('id')!r},")
    entries = item.get("annotations", [])
    drawn_groups = {_group(entry) for entry in entries if isinstance(entry, dict) and entry.get("type") in AREAS}
    placed: list[tuple[int, Shape]] = []
    for index, entry in enumerate(entries):
        owner = f"annotations[{index}]"
        where = f"{file}: {path!r}: {owner}"
        try:
            if not isinstance(entry, dict):
                raise UserError(f"{where} is no annotation; export it again")
            if entry.get("type") in PARTS and _group(entry) in drawn_groups - {None}:
                continue
            geometry = _read_geometry(entry, where, size)
            label, z_order = entry.get("label_id"), entry.get("z_order")
            if type(label) is not int or not 0 <= label < len(names):
                raise UserError(f"{where} has the unknown label_id {label!r}; export it again")
            if type(z_order or 0) is not int:
                raise UserError(f"{where}: z_order = {z_order!r} is no whole number; export it again")
        except UserError as error:
            refuse(str(error))
            continue
        placed.append((z_order or 0, Shape(names[label], geometry, owner, _group(entry))))
    shapes = [shape for _, shape in sorted(placed, key=lambda one: one[0])]
    return AnnotatedImage(f"{file_name(file.member.name)}/{path}", shapes, size, other_path=path)


def _group(entry: JsonObject) -> int | None:
    """Return the number that the annotations of one object share; 0 stands for none."""
    group = entry.get("group")
    return group if type(group) is int and group > 0 else None


def _find_image(item: JsonObject, owner: str) -> tuple[str, Size | None]:
    """Return the path and the size of an item's image. Datumaro states the height first."""
    image = item.get("image")
    if not isinstance(image, dict):
        what = next((kind for kind in ("point_cloud", "video", "video_frame") if kind in item), None)
        raise UserError(f"{owner} {f'is a {what}' if what else 'has no image'}; export images, or remove it")
    path, stated = image.get("path") or f"{item.get('id')}.jpg", image.get("size")
    if not isinstance(path, str):
        raise UserError(f"{owner} has the path {path!r}; export it again")
    if isinstance(stated, list) and len(stated) == 2 and all(type(side) is int and side > 0 for side in stated):
        return path, (stated[1], stated[0])
    return path, None


def _read_geometry(entry: JsonObject, owner: str, size: Size | None) -> Geometry:
    kind = entry.get("type")
    if kind == "mask":
        return read_rle(entry.get("rle"), owner, size)
    if kind not in AREAS:
        what = NO_AREA.get(kind, f"has the unknown type {kind!r}") if isinstance(kind, str) else "has no type"
        raise UserError(f"{owner} {what}; draw its shape, or leave it out by skip_bad")
    points = entry.get("points")
    corners = check_points(points if isinstance(points, list) else [None], owner)
    if kind == "polygon":
        if len(corners) < 3:
            raise UserError(f"{owner}: a polygon has fewer than three points; redraw it")
        return Polygon((ring(corners),))
    if len(corners) != 2:
        raise UserError(f"{owner}: an ellipse has {len(corners)} points and needs 2; redraw it")
    (left, top), (right, bottom) = corners
    return Ellipse((left + right) / 2, (top + bottom) / 2, abs(right - left) / 2, abs(bottom - top) / 2)
