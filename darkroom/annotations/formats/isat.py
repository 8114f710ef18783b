"""JSON files of ISAT (ISAT_with_segment_anything), one beside each image.

Polygons, drawn in the order of `layer` and then of the file. Polygons of one category and group are one object; those
of `__background__` cut into the objects below. The classes are those of isat.yaml, in its order, then all others. See
https://github.com/yatengLG/ISAT_with_segment_anything.
"""

from collections.abc import Hashable
from pathlib import PurePosixPath
from typing import Any, ClassVar

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.formats._base import Members, Orientation, Refuse
from darkroom.annotations.formats._shapes import ShapeFormat
from darkroom.annotations.pair import Size, check_points
from darkroom.annotations.shapes import AnnotatedImage, Convention, Polygon, Shape, ring
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.files import parse_yaml

JsonObject = dict[str, Any]  # its values are checked where they are used

CLASS_LIST = "isat.yaml"
DEFAULT_LAYER = 2  # of an object that states none, as ISAT reads it


class Isat(ShapeFormat):
    """ISAT's JSON files. ISAT shows photos as they are stored."""

    TITLE: ClassVar[str] = "ISAT"
    CONVENTION: ClassVar[Convention] = Convention.CENTRES
    ORIENTATION: ClassVar[Orientation | None] = "stored"
    HAS_FILE_PER_IMAGE: ClassVar[bool] = True
    KEEPS_CLASS_ORDER: ClassVar[bool] = True

    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether a JSON file says that it is ISAT's."""
        if not file.may_have("info", "objects"):
            return False
        content = file.json
        info = content.get("info") if isinstance(content, dict) else None
        return isinstance(info, dict) and info.get("description") == "ISAT" and isinstance(content["objects"], list)

    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the image of a file with its objects."""
        info, entries = file.json["info"], file.json["objects"]
        placed: list[tuple[float, Shape]] = []
        for index, entry in enumerate(entries):
            try:
                placed.append(_read_object(entry, index, f"{file}: objects[{index}]"))
            except UserError as error:
                refuse(str(error))
        shapes = [shape for _, shape in sorted(placed, key=lambda one: one[0])]
        return [AnnotatedImage(str(info.get("name") or ""), shapes, _stated_size(info))], {}

    def listed_classes(self, members: Members) -> dict[Hashable, str]:
        """Return the classes of isat.yaml, then all other categories in use; none where there is no isat.yaml."""
        names: list[str] = []
        for path, member in sorted(members.items()):
            if PurePosixPath(path).name.lower() == CLASS_LIST:
                names += _read_class_list(member)
        drawn = [image for content in members.contents[self.name].values() for image in content.images]
        used = sorted({str(shape.label) for image in drawn for shape in image.shapes})
        return {name: name for name in [*names, *used]} if names else {}


def _read_object(entry: object, index: int, owner: str) -> tuple[float, Shape]:
    """Return an object and its layer."""
    if not isinstance(entry, dict) or not isinstance(entry.get("category"), str) or not entry["category"]:
        raise UserError(f"{owner} has no category; save it again")
    owner = f"{owner}, a {entry['category']!r}"
    points = entry.get("segmentation")
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        points = [[None, None]]  # which is refused as no numbers
    corners = check_points([number for point in points for number in point], owner)
    if len(corners) < 3:
        raise UserError(f"{owner}: its segmentation has fewer than three points; redraw it")
    layer = entry.get("layer", DEFAULT_LAYER)
    if type(layer) not in (int, float) or layer != layer:
        raise UserError(f"{owner}: layer = {layer!r} is no number; save it again")
    group = entry.get("group")
    is_group = isinstance(group, int | str) and bool(group)  # ISAT writes 0 or "" where there is no group
    shape_owner = f"objects[{index}], a {entry['category']!r}"
    return layer, Shape(entry["category"], Polygon((ring(corners),)), shape_owner, group if is_group else None)


def _stated_size(info: JsonObject) -> Size | None:
    width, height = info.get("width"), info.get("height")
    return (width, height) if type(width) is int and type(height) is int and width > 0 and height > 0 else None


def _read_class_list(member: Member) -> list[str]:
    """Return the names in an isat.yaml.

    Raises:
        UserError: it is no such file.
    """
    try:
        content = parse_yaml(member.text(), str(member))
    except (UserError, ValueError, RecursionError):
        content = None
    labels = content.get("label") if isinstance(content, dict) else None
    if not isinstance(labels, list) or not labels:
        labels = [None]
    names = [label.get("name") if isinstance(label, dict) else None for label in labels]
    if not all(isinstance(name, str | int | float) for name in names):
        raise UserError(f"{member}: is no list of classes of ISAT; remove it or save it again")
    return [str(name) for name in names]
