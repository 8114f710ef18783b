"""VGG Image Annotator: projects, annotations in JSON and CSV of VIA 1 and 2; projects and CSV of VIA 3.

Boxes, circles, ellipses and polygons are drawn in the order of the file, later ones over earlier ones. The class is the
value of the one region attribute, of several that of the one dropdown or radio button, or of `annotations.attribute`.
Of options it is what the annotator saw. Regions without attributes are of the one class in `annotations.classes`. See
https://www.robots.ox.ac.uk/~vgg/software/via.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.formats._base import Members, Orientation, Refuse
from darkroom.annotations.formats._shapes import ShapeFormat
from darkroom.annotations.image_index import path_in_url
from darkroom.annotations.pair import Pair, check_points
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.shapes import AnnotatedImage, Box, Ellipse, Geometry, Polygon, Shape, ring
from darkroom.common.errors import UserError
from darkroom.common.parameters import nearest

JsonObject = dict[str, Any]  # its values are checked where they are used
# What a region's attribute says: its name, its values, and whether it is a dropdown or a radio button.
Attribute = tuple[str, tuple[str, ...], bool]
Attributes = dict[str, tuple[str, object, dict[str, str]]]  # name, type and options by what stands for it in regions

CSV_COLUMNS = (
    "filename", "file_size", "file_attributes", "region_count", "region_id", "region_shape_attributes",
    "region_attributes",
)  # fmt: skip
VIA3_COLUMNS = "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata"
LONGEST_FIELD = 1 << 30  # letters of a CSV field
CHOICES = ("dropdown", "radio", 3, 4)  # types of attributes that have one of several options, of VIA 2 and 3
IMAGES = ("image", 5)  # types of attributes whose options are pictures
VIA3_SHAPES = {
    1: "point", 2: "rect", 3: "circle", 4: "ellipse", 5: "line", 6: "polyline", 7: "polygon", 8: "extreme_rect",
    9: "extreme_circle",
}  # fmt: skip
VIA3_IMAGE = 2  # the type of an image file
NO_REGIONS = ("point", "line", "polyline")


class Via(ShapeFormat):
    """VGG Image Annotator's files. Browsers turn a photo upright before one draws on it."""

    TITLE: ClassVar[str] = "VGG Image Annotator"
    SUFFIXES: ClassVar[tuple[str, ...]] = (".json", ".csv")
    ORIENTATION: ClassVar[Orientation | None] = "seen"
    OPTIONS: ClassVar[frozenset[str]] = frozenset({"attribute"})

    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether a file is one of VIA's."""
        return _reader(file) is not None

    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the images of a file. A region's label is all that its attributes say; `find_pairs` chooses one."""
        reader = _reader(file)
        assert reader is not None
        return list(reader(file, refuse)), {}

    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return a pair for each image, with the classes of its regions as labels."""
        pairs = super().find_pairs(members, parameters, refuse)
        attributes = [one for pair in pairs if pair.drawn for shape in pair.drawn.shapes for one in _said(shape)]
        chosen = _choose_attribute(pairs, attributes, parameters)
        named = []
        for pair in pairs:
            assert pair.drawn is not None
            shapes = []
            for shape in pair.drawn.shapes:
                try:
                    shapes.append(_name(shape, chosen, parameters, str(pair)))
                except UserError as error:
                    refuse(str(error))
            named.append(replace(pair, drawn=replace(pair.drawn, shapes=shapes)))
        return named


def _said(shape: Shape) -> tuple[Attribute, ...]:
    said = shape.label
    assert isinstance(said, tuple)
    return said


def _choose_attribute(pairs: list[Pair], said: list[Attribute], parameters: AnnotationParameters) -> str | None:
    """Return the attribute that is the class; None where regions have none.

    Raises:
        UserError: several might be, or the one in the parameters is in no region.
    """
    names = list(dict.fromkeys(name for name, _, _ in said))
    if parameters.attribute is not None:
        if parameters.attribute not in names:
            raise UserError(
                f"params.yaml: annotations.attribute = {parameters.attribute!r}: no region has it; "
                f"{nearest(parameters.attribute, names)}"
            )
        return parameters.attribute
    choices = list(dict.fromkeys(name for name, _, is_choice in said if is_choice))
    chosen = names if len(names) < 2 else choices
    if len(chosen) > 1 or (names and not chosen):
        raise UserError(
            f"{pairs[0].annotation}: regions have the attributes {', '.join(names)}; set annotations.attribute to the "
            "one that is the class"
        )
    return chosen[0] if chosen else None


def _name(shape: Shape, chosen: str | None, parameters: AnnotationParameters, owner: str) -> Shape:
    """Return a shape with its class as label."""
    if chosen is None:
        if parameters.classes is None or len(parameters.classes) != 1:
            raise UserError(
                f"{owner}: {shape.title} has no attribute; give regions one in VIA, or set annotations.classes to "
                "their one class"
            )
        return replace(shape, label=parameters.classes[0])
    values = next((values for name, values, _ in _said(shape) if name == chosen), ())
    if len(values) > 1:
        raise UserError(f"{owner}: {shape.title} has the {chosen} {values[0]} and {values[1]}; choose one")
    if not values:
        raise UserError(f"{owner}: {shape.title} has no {chosen}; choose one")
    return replace(shape, label=values[0])


Reader = Callable[[AnnotationFile, Refuse], Iterator[AnnotatedImage]]


def _reader(file: AnnotationFile) -> Reader | None:
    """Return the function that reads a file; None of a file of another format."""
    if file.member.name.lower().endswith(".csv"):
        first = file.text[:200].lstrip("\ufeff").splitlines()[:1]
        if first and first[0].lstrip("#").replace('"', "").strip() == ",".join(CSV_COLUMNS):
            return _read_csv
        return _read_via3_csv if f"\n{VIA3_COLUMNS}" in f"\n{file.text}" else None
    if not file.may_have("regions") and not file.may_have("metadata", "view", "attribute"):
        return None
    content = file.json
    if not isinstance(content, dict):
        return None
    if all(isinstance(content.get(key), dict) for key in ("metadata", "view", "file", "attribute")):
        return _read_via3
    images = content.get("_via_img_metadata", content)
    if not isinstance(images, dict) or not images:
        return None
    is_via = all(
        isinstance(one, dict) and isinstance(one.get("filename"), str) and "regions" in one for one in images.values()
    )
    return _read_json if is_via else None


def _read_json(file: AnnotationFile, refuse: Refuse) -> Iterator[AnnotatedImage]:
    """Read a project or annotations of VIA 1 or 2."""
    attributes = _via2_attributes(file.json.get("_via_attributes"))
    for image in file.json.get("_via_img_metadata", file.json).values():
        path, regions = path_in_url(image["filename"]), image["regions"]
        shapes = []
        entries = (
            regions if isinstance(regions, list) else list(regions.values()) if isinstance(regions, dict) else [None]
        )
        for index, region in enumerate(entries):
            owner = f"regions[{index}]"
            try:
                region = region if isinstance(region, dict) else {}
                shape, said = region.get("shape_attributes"), region.get("region_attributes")
                shapes.append(_read_region(shape, said, attributes, owner, f"{file}: {path}: {owner}"))
            except UserError as error:
                refuse(str(error))
        yield AnnotatedImage(path, shapes)


def _read_csv(file: AnnotationFile, refuse: Refuse) -> Iterator[AnnotatedImage]:
    """Read a CSV file of VIA 1 or 2. A file name with a comma is not in quotes, so fields count from the end."""
    shapes: dict[str, list[Shape]] = {}
    for number, row in _rows(file):
        if number == 1 or not row:
            continue
        if len(row) < len(CSV_COLUMNS):
            refuse(f"{file}: line {number} has {len(row)} fields, not {len(CSV_COLUMNS)}; export it again")
            continue
        *parts, _, _, count, _, shape, said = row
        path = path_in_url(",".join(parts))
        found = shapes.setdefault(path, [])
        if count.strip() == "0":
            continue
        owner = f"line {number}"
        try:
            where = f"{file}: {path}: {owner}"
            found.append(_read_region(_json(shape, where), _json(said, where), {}, owner, where))
        except UserError as error:
            refuse(str(error))
    for path, one in shapes.items():
        yield AnnotatedImage(path, one)


def _read_via3(file: AnnotationFile, refuse: Refuse) -> Iterator[AnnotatedImage]:
    """Read a project of VIA 3. Metadata without coordinates are about a file as a whole."""
    content, shapes = file.json, dict[str, list[Shape]]()
    attributes = _via3_attributes(content["attribute"])
    files: dict[str, str] = {}  # paths by view
    for view_id, view in content["view"].items():
        ids = view.get("fid_list") if isinstance(view, dict) else None
        ids = ids if isinstance(ids, list) else []
        for file_id in ids:
            entry = content["file"].get(str(file_id))
            if not isinstance(entry, dict) or entry.get("type", VIA3_IMAGE) != VIA3_IMAGE or len(ids) > 1:
                refuse(f"{file}: view {view_id} is no single image; remove it")
                break
            source, name = entry.get("src"), entry.get("fname")
            has_source = isinstance(source, str) and source and not source.startswith(("data:", "blob:"))
            files[view_id] = path_in_url(str(source if has_source else name))
            shapes.setdefault(files[view_id], [])
    for key, region in content["metadata"].items():
        region = region if isinstance(region, dict) else {}
        view_id, owner = str(region.get("vid")), f"metadata {key}"
        if region.get("xy") == [] or (view_id not in files and view_id in content["view"]):
            continue  # of a file as a whole, or refused above
        if view_id not in files:
            refuse(f"{file}: {owner} is of the unknown view {view_id!r}; remove it")
            continue
        path = files[view_id]
        try:
            shape = _read_via3_region(region.get("xy"), region.get("z"), f"{file}: {path}: {owner}")
            shapes[path].append(_read_region(shape, region.get("av"), attributes, owner, f"{file}: {path}: {owner}"))
        except UserError as error:
            refuse(str(error))
    for path, found in shapes.items():
        yield AnnotatedImage(path, found)


def _read_via3_csv(file: AnnotationFile, refuse: Refuse) -> Iterator[AnnotatedImage]:
    """Read a CSV file of VIA 3, whose attributes stand in a comment."""
    shapes: dict[str, list[Shape]] = {}
    attributes: Attributes = {}
    for line in file.text.splitlines():
        if line.startswith(("# ATTRIBUTE =", "# ATTRIBUTES =")):
            attributes = _via3_attributes(_json(line.partition("=")[2], str(file)))
    for number, row in _rows(file):
        if not row or row[0].startswith("#"):
            continue
        owner = f"line {number}"
        try:
            if len(row) != 6:
                raise UserError(f"{file}: {owner} has {len(row)} fields, not 6; export it again")
            names, time, xy, said = (_json(row[place], f"{file}: {owner}") for place in (1, 3, 4, 5))
            if not isinstance(names, list) or len(names) != 1 or not isinstance(names[0], str):
                raise UserError(f"{file}: {owner} is of no single image; remove it")
            path = path_in_url(names[0])
            found = shapes.setdefault(path, [])
            if xy != []:
                where = f"{file}: {path}: {owner}"
                found.append(_read_region(_read_via3_region(xy, time, where), said, attributes, owner, where))
        except UserError as error:
            refuse(str(error))
    for path, one in shapes.items():
        yield AnnotatedImage(path, one)


def _rows(file: AnnotationFile) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file with their numbers.

    Raises:
        UserError: a field is not closed or too long.
    """
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(io.StringIO(file.text, newline=""))
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise UserError(f"{file}: line {reader.line_num} is not CSV ({error}); export it again") from None


def _json(text: str, owner: str) -> Any:  # noqa: ANN401 # its values are checked where they are used
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"{owner}: {text[:40]!r} is not JSON; export it again") from None


def _via2_attributes(content: object) -> Attributes:
    """Return the region attributes of a project of VIA 2."""
    of_regions = content.get("region") if isinstance(content, dict) else None
    found: Attributes = {}
    for name, entry in of_regions.items() if isinstance(of_regions, dict) else ():
        if isinstance(entry, dict):
            found[name] = (name, _type(entry), _options(entry))
    return found


def _via3_attributes(content: object) -> Attributes:
    """Return the attributes of VIA 3: names, types and options by id. An old CSV file has names alone."""
    found: Attributes = {}
    for key, entry in content.items() if isinstance(content, dict) else ():
        if isinstance(entry, dict):
            found[key] = (str(entry.get("aname", key)), _type(entry), _options(entry))
        else:
            found[key] = (str(entry), None, {})
    return found


def _type(entry: JsonObject) -> object:
    kind = entry.get("type")
    return kind if isinstance(kind, str | int) else None


def _options(entry: JsonObject) -> dict[str, str]:
    """Return what the annotator sees of each option of an attribute: its description, else its id."""
    options = entry.get("options")
    if not isinstance(options, dict) or entry.get("type") in IMAGES:
        return {}
    return {key: text.strip() if isinstance(text, str) and text.strip() else key for key, text in options.items()}


def _read_region(shape: object, said: object, attributes: Attributes, owner: str, where: str) -> Shape:
    """Return a region. Its label is all that its attributes say."""
    if not isinstance(shape, dict) or not isinstance(said, dict):
        raise UserError(f"{where} has no shape or no attributes; draw it again")
    label = []
    for key, value in said.items():
        name, kind, options = attributes.get(key, (key, None, {}))
        values = tuple(options.get(one, one) for one in _values(value, kind))
        unknown = next((one for one in _values(value, kind) if options and one not in options), None)
        if unknown is not None:
            raise UserError(f"{where}: its {name} {unknown[:60]!r} is none of the options; choose one")
        if values:
            label.append((name, values, kind in CHOICES))
    return Shape(tuple(label), _read_geometry(shape, where), owner)


def _values(value: object, kind: object) -> list[str]:
    """Return the values of an attribute that are not empty; of check boxes the options that are ticked."""
    if isinstance(value, dict):
        return [key for key, is_ticked in value.items() if is_ticked is True]
    texts = str(value).split(",") if kind == 2 else [value]  # VIA 3 joins the options of check boxes
    found = [str(text).strip() for text in texts if isinstance(text, str | int | float)]
    return [text for text in found if text]


def _read_via3_region(xy: object, time: object, where: str) -> JsonObject:
    """Return a region of VIA 3 in the form of VIA 2."""
    if time not in ([], None, ""):
        raise UserError(f"{where} is of a video; export its frames as images")
    if not isinstance(xy, list) or not xy or isinstance(xy[0], list | dict) or xy[0] not in VIA3_SHAPES:
        raise UserError(f"{where} is of an unknown shape; draw it again")
    name, numbers = VIA3_SHAPES[xy[0]], xy[1:]
    if name in ("polygon", "polyline", "extreme_rect", "extreme_circle"):
        return {"name": name, "all_points_x": numbers[::2], "all_points_y": numbers[1::2]}
    keys = {"rect": ("x", "y", "width", "height"), "circle": ("cx", "cy", "r"), "ellipse": ("cx", "cy", "rx", "ry")}
    if name in keys and len(numbers) != len(keys[name]):
        raise UserError(f"{where}: a {name} has {len(numbers)} numbers and needs {len(keys[name])}; draw it again")
    return {"name": name, **dict(zip(keys.get(name, ()), numbers, strict=False))}


def _read_geometry(shape: JsonObject, where: str) -> Geometry:
    name = str(shape.get("name"))[:60]
    if name in NO_REGIONS:
        raise UserError(f"{where} is a {name}, which is no region; draw a polygon, or leave it out by skip_bad")
    if name == "rect":
        x, y, width, height = _numbers(shape, ("x", "y", "width", "height"), name, where)
        return Box(x, y, x + width, y + height)
    if name == "circle":
        x, y, radius = _numbers(shape, ("cx", "cy", "r"), name, where)
        return Ellipse(x, y, radius, radius)
    if name == "ellipse":
        x, y, radius_x, radius_y = _numbers(shape, ("cx", "cy", "rx", "ry"), name, where)
        [(radians, _)] = check_points([shape.get("theta") or 0, 0], where)
        return Ellipse(x, y, radius_x, radius_y, math.degrees(radians))
    if name not in ("polygon", "extreme_rect", "extreme_circle"):
        raise UserError(f"{where} is of the unknown shape {name!r}; draw it again")
    xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
        raise UserError(f"{where}: its all_points_x and all_points_y are not as many; draw it again")
    points = check_points([number for point in zip(xs, ys, strict=True) for number in point], where)
    if len(points) < 3:
        raise UserError(f"{where}: a {name} has fewer than three points; draw it again")
    corners = ring(points)
    if name == "extreme_rect":  # of the points that lie farthest out
        return Box(*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())
    return _circle_through(points, where) if name == "extreme_circle" else Polygon((corners,))


def _numbers(shape: JsonObject, keys: tuple[str, ...], name: str, where: str) -> list[float]:
    """Return place and extent of a shape.

    Raises:
        UserError: they are no numbers, or it has no extent.
    """
    values = [shape.get(key) for key in keys]
    numbers = [number for point in check_points([*values, *[0] * (len(values) % 2)], where) for number in point]
    if min(numbers[2 : len(values)]) <= 0:
        raise UserError(f"{where}: a {name} has no extent; draw it again")
    return numbers[: len(values)]


def _circle_through(points: list[tuple[float, float]], where: str) -> Ellipse:
    """Return the circle through three points."""
    (x1, y1), (x2, y2), (x3, y3) = points[:3]
    sides = np.array([[x2 - x1, y2 - y1], [x3 - x1, y3 - y1]])
    if len(points) != 3 or abs(np.linalg.det(sides)) < 1e-6:
        raise UserError(f"{where}: no circle goes through its points; draw it again")
    x, y = np.linalg.solve(2 * sides, (sides**2).sum(axis=1)).tolist()
    check_points([x, y], where)
    return Ellipse(x1 + x, y1 + y, math.hypot(x, y), math.hypot(x, y))
