"""XML files of CVAT's export "CVAT for images 1.1", such as annotations.xml.

Polygons, boxes and ellipses, also turned ones, and brush masks, drawn in the order of `z_order` and then of the file.
The classes are the labels of the job, task or project, in its order. The subsets of a project are the splits. Tracks,
as of "CVAT for video 1.1", are refused. See https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/.
"""

import re
from collections.abc import Hashable
from pathlib import PurePosixPath
from typing import ClassVar
from xml.etree.ElementTree import Element

import numpy as np

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.formats._base import Orientation, Refuse
from darkroom.annotations.formats._shapes import ShapeFormat
from darkroom.annotations.pair import LARGEST_COORDINATE, Point, Size, check_points
from darkroom.annotations.shapes import AnnotatedImage, Box, Ellipse, Geometry, Polygon, Runs, Shape, ring, turned_box
from darkroom.common.errors import UserError
from darkroom.datasets.split_folders import split_of

ROOT = re.compile(rb"<annotations[\s/>]")
FRAME_SUFFIX = ".PNG"  # of the frames of a video, whose names have none in the file
# Why a shape has no pixels, by its element.
NO_AREA = {
    "polyline": "is a polyline, which has no area; draw its outline",
    "points": "is key points, which have no area; draw its outline",
    "skeleton": "is a skeleton, which has no area; draw its outline",
    "cuboid": "is a cuboid, whose faces overlap; draw its outline",
    "tag": "is a tag of the whole image, which has no shape; draw its shape",
}
OR_SKIP = ", or leave it out by skip_bad"


class Cvat(ShapeFormat):
    """CVAT's XML files. CVAT turns a photo upright before one draws on it."""

    TITLE: ClassVar[str] = "CVAT"
    SUFFIXES: ClassVar[tuple[str, ...]] = (".xml",)
    ORIENTATION: ClassVar[Orientation | None] = "seen"
    KEEPS_CLASS_ORDER: ClassVar[bool] = True

    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether an XML file has the root `annotations`. A damaged one counts, so that `read` refuses it."""
        if not ROOT.search(file.content.replace(b"\0", b"")):  # UTF-16 has zero bytes between the letters
            return False
        try:
            root = file.xml
        except UserError:
            return True
        return root.tag == "annotations" and any(root.find(tag) is not None for tag in ("meta", "image", "track"))

    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the images of a file with their shapes, and the labels of its job, task or project."""
        root = file.xml
        if root.find("track") is not None:
            raise UserError(
                f'{file}: is "CVAT for video"; export "CVAT for images 1.1", which has a shape for each frame'
            )
        images = [_read_image(element, file, refuse) for element in root.iterfind("image")]
        names = [label.findtext("name") or "" for label in root.iterfind("meta//label") if not label.findtext("parent")]
        return images, {name: name for name in names if name}


def _read_image(element: Element, file: AnnotationFile, refuse: Refuse) -> AnnotatedImage:
    name, subset = element.get("name") or "", element.get("subset") or ""
    path = name if PurePosixPath(name.replace("\\", "/")).suffix else name + FRAME_SUFFIX
    placed: list[tuple[int, Shape]] = []
    for number, entry in enumerate(element):
        label = entry.get("label")
        owner = f"{entry.tag} {number + 1}, a {label!r}"
        if entry.get("outside") == "1":  # the object is not in this image
            continue
        try:
            if not label:
                raise UserError(f"{file}: {name!r}: {entry.tag} {number + 1} has no label; export it again")
            geometry = _read_geometry(entry, f"{file}: {name!r}: {owner}")
            z_order = _whole(entry, "z_order", f"{file}: {name!r}: {owner}", default="0")
        except UserError as error:
            refuse(str(error))
            continue
        group = entry.get("group_id")
        placed.append((z_order, Shape(label, geometry, owner, group if group != "0" else None)))
    shapes = [shape for _, shape in sorted(placed, key=lambda one: one[0])]
    size, in_subset = _stated_size(element, f"{file}: {name!r}"), f"{subset}/{path}" if subset else path
    return AnnotatedImage(in_subset, shapes, size, split=split_of(subset), other_path=path)


def _stated_size(element: Element, owner: str) -> Size | None:
    if element.get("width") is None or element.get("height") is None:
        return None
    return _whole(element, "width", owner), _whole(element, "height", owner)


def _read_geometry(entry: Element, owner: str) -> Geometry:
    if entry.tag in NO_AREA:
        raise UserError(f"{owner}: {NO_AREA[entry.tag]}{OR_SKIP}")
    match entry.tag:
        case "polygon":
            points = check_points(re.split("[,;]", entry.get("points") or ""), f"{owner}:")
            if len(points) < 3:
                raise UserError(f"{owner}: has fewer than three points; redraw it")
            return Polygon((ring(points),))
        case "box":
            (left, top), (right, bottom) = _numbers(entry, ("xtl", "ytl", "xbr", "ybr"), owner)
            degrees = _degrees(entry, owner)
            if not degrees:
                return Box(min(left, right), min(top, bottom), max(left, right), max(top, bottom))
            middle = (left + right) / 2, (top + bottom) / 2
            return Polygon((turned_box(left, top, right - left, bottom - top, degrees, middle),))
        case "ellipse":
            (x, y), (radius_x, radius_y) = _numbers(entry, ("cx", "cy", "rx", "ry"), owner)
            return Ellipse(x, y, abs(radius_x), abs(radius_y), _degrees(entry, owner))
        case "mask":
            return _read_mask(entry, owner)
        case _:
            raise UserError(f"{owner}: unknown shape {entry.tag!r}; redraw it as a polygon{OR_SKIP}")


def _read_mask(entry: Element, owner: str) -> Runs:
    """Return the run lengths of a mask. They go along the rows of its box."""
    left, top, width, height = (_whole(entry, key, owner) for key in ("left", "top", "width", "height"))
    text = entry.get("rle") or ""
    if not re.fullmatch(r"\s*\d{1,9}\s*(,\s*\d{1,9}\s*)*", text):
        raise UserError(f"{owner}: its rle is no list of run lengths; export it again")
    if width < 1 or height < 1:
        raise UserError(f"{owner}: its mask has {width}×{height} pixels; redraw it")
    return Runs(np.array(text.split(","), np.int64), width, height, left, top)


def _numbers(entry: Element, keys: tuple[str, str, str, str], owner: str) -> list[Point]:
    return check_points([entry.get(key) for key in keys], f"{owner}:")


def _degrees(entry: Element, owner: str) -> float:
    [(degrees, _)] = check_points([entry.get("rotation", "0"), 0], f"{owner}: its rotation")
    return degrees


def _whole(entry: Element, key: str, owner: str, default: str = "") -> int:
    """Return a whole number of an element."""
    text = entry.get(key, default)
    if not re.fullmatch(r"-?[0-9]{1,6}", text) or abs(int(text)) > LARGEST_COORDINATE:
        raise UserError(f"{owner}: {key} = {text!r} is no whole number near the image; export it again")
    return int(text)
