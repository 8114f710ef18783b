"""YOLO segmentation, as Ultralytics and Roboflow store it: `labels/NAME.txt` for `images/NAME.jpg`.

A line is a class id and a polygon in fractions of width and height; four corners may be a turned box (OBB). Smaller
objects are drawn over larger ones. An image without a label file, or with an empty one, is all background. Classes are
those of `data.yaml`, `classes.txt` or `obj.names`, in their order. The splits are folders, or what `data.yaml` names.
See https://docs.ultralytics.com/datasets/segment/.
"""

import math
import posixpath
from collections.abc import Hashable, Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.formats._base import Members, Orientation, Refuse
from darkroom.annotations.formats._shapes import ShapeFormat
from darkroom.annotations.mask_files import Key, make_key
from darkroom.annotations.pair import BACKGROUND, IMAGE_SUFFIXES, Pair, class_name, file_name
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.shapes import AnnotatedImage, Geometry, Polygon, Shape, ring
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.split_folders import split_in

IMAGES, LABELS = "images", "labels"  # folders
NAME_LISTS = ("classes.txt", "obj.names")
SPLIT_KEYS = {"train": "train", "val": "validation", "test": "test"}  # of data.yaml, and the splits that they name
MARGIN = 0.1  # of width or height, by which a point may lie outside of the image; drawing clips it
LARGEST_YAML = 1 << 20  # bytes


class Yolo(ShapeFormat):
    """YOLO's text files of polygons. Ultralytics turns photos upright."""

    TITLE: ClassVar[str] = "YOLO"
    SUFFIXES: ClassVar[tuple[str, ...]] = (".txt",)
    ORIENTATION: ClassVar[Orientation | None] = "seen"
    SMALLER_ON_TOP: ClassVar[bool] = True
    HAS_FILE_PER_IMAGE: ClassVar[bool] = True
    KEEPS_CLASS_ORDER: ClassVar[bool] = True

    def candidates(self, members: Members) -> list[Member]:
        """Return the text files that are named like an image, or lie in a folder of labels."""
        keys = {_key(name, IMAGES) for name in members if name.lower().endswith(IMAGE_SUFFIXES)}
        no_labels = (*NAME_LISTS, "readme")
        texts = [one for one in super().candidates(members) if not _file_name(one.name).startswith(no_labels)]
        return [one for one in texts if _key(one.name, LABELS) in keys or _folder_index(one.name, LABELS) is not None]

    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether the lines of a text file are numbers, of which the first is whole."""
        lines = [line.split() for line in file.text.splitlines() if line.strip()]
        return all(len(line) > 4 and _class_id(line[0]) is not None and _are_numbers(line[1:]) for line in lines)

    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the polygons of a file. Which image they are of, `find_pairs` finds out."""
        shapes = []
        for number, line in enumerate(file.text.splitlines(), 1):
            if not line.strip():
                continue
            owner = f"line {number}"
            try:
                geometry = _read_polygon(line.split()[1:], f"{file}: {owner}")
            except UserError as error:
                refuse(str(error))
                continue
            shapes.append(Shape(_class_id(line.split()[0]), geometry, owner))
        return [AnnotatedImage("", shapes, relative=True)], {}

    def recognizes(self, members: Members, parameters: AnnotationParameters) -> bool:
        """Return whether a file of this format has lines."""
        contents = members.contents[self.name].values()
        return any(content.refused or content.images[0].shapes for content in contents)

    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return a pair for each image in a folder that has a labelled image.

        An image without a label file is a pair of the image with itself, which has no shapes. Images of a folder
        `images` without any label file are refused, since nothing tells whether they are background.
        """
        for member in _yaml_files(members):
            if "kpt_shape" in _read_yaml(member):
                raise UserError(f"{member}: has kpt_shape: its labels are key points and not polygons; draw polygons")
        contents, splits = members.contents[self.name], _Splits(members)
        labels, images = self._labels_by_key(members, refuse), _images_by_key(members, refuse)
        for key in sorted(labels.keys() - images.keys()):
            refuse(f"{labels[key]}: its image is not in the archive; add it or remove the file")
        labelled_folders = {posixpath.dirname(images[key].name) for key in labels.keys() & images.keys()}
        pairs, unlabelled = [], dict[str, Member]()  # the first image of each folder without labels
        for key, image in images.items():
            label, folder = labels.get(key), posixpath.dirname(image.name)
            if label is None and folder not in labelled_folders:
                if _folder_index(image.name, IMAGES) is not None:
                    unlabelled.setdefault(folder, image)
                continue
            drawn = AnnotatedImage(image.name, [])
            if label is not None:
                if label not in contents:
                    continue  # refused above
                for reason in contents[label].refused:
                    refuse(reason)
                [drawn] = contents[label].images
            split = split_in(image.name) or (split_in(label.name) if label else None) or splits.of(image.name)
            pairs.append(Pair(file_name(image.name), image, label or image, split, drawn))
        for folder, image in sorted(unlabelled.items()):
            refuse(
                f"{image}: no image in {folder} has a label file; add {LABELS}/NAME.txt, an empty one for an image "
                "that is all background, or remove the folder"
            )
        return pairs

    def _labels_by_key(self, members: Members, refuse: Refuse) -> dict[Key, Member]:
        """Return the label files. Two of one image are refused, and those that are not YOLO's."""
        contents, labels = members.contents[self.name], dict[Key, Member]()
        for member in self.candidates(members):
            first = labels.setdefault(_key(member.name, LABELS), member)
            if first is not member:
                refuse(f"{member}: is of the same image as {first.name}; keep one of them")
            if member not in contents:
                refuse(f"{member}: is not {self.TITLE}'s: each line needs a class id and numbers; export it again")
        return labels

    def listed_classes(self, members: Members) -> dict[Hashable, str]:
        """Return the classes of `data.yaml`, else of `classes.txt` or `obj.names`, by id."""
        lists = [(member, _names_in_yaml(member)) for member in _yaml_files(members)]
        if not lists:
            texts = [member for name, member in members.items() if _file_name(name) in NAME_LISTS]
            lists = [(member, _names_in_text(member)) for member in texts]
        for other, names in lists[1:]:
            if names != lists[0][1]:
                raise UserError(f"{other}: names other classes than {lists[0][0].name}; keep one of them")
        return lists[0][1] if lists else {}

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the class names by class id.

        Without a list of classes they are those of `annotations.classes`, of the ids 0, 1, …, else `class_0`,
        `class_1` and so on, as Ultralytics names them.
        """
        if self.listed_classes(members):
            return super().name_classes(pairs, members, parameters)
        ids = [shape.label for pair in pairs if pair.drawn for shape in pair.drawn.shapes]
        count = max((int(str(label)) for label in ids), default=-1) + 1
        names = parameters.classes or [f"class_{number}" for number in range(min(count, 1000))]
        keys: dict[Hashable, str] = {BACKGROUND: BACKGROUND}
        keys.update(enumerate(names))
        return keys


def _images_by_key(members: Members, refuse: Refuse) -> dict[Key, Member]:
    """Return the images. Two of one name are refused, since both would have the same label file."""
    images: dict[Key, Member] = {}
    for name, member in members.items():
        if name.lower().endswith(IMAGE_SUFFIXES):
            first = images.setdefault(_key(name, IMAGES), member)
            if first is not member:
                refuse(f"{member}: has the name of {first.name} but for case or suffix; keep one of them")
    return images


class _Splits:
    """The splits that `data.yaml` names, by folders or by lists of images."""

    def __init__(self, members: Members) -> None:
        self.folders: list[tuple[list[str], str]] = []
        self.listed: dict[str, set[str]] = {}  # splits by the name of an image
        for member in _yaml_files(members):
            content = _read_yaml(member)
            for key, split in SPLIT_KEYS.items():
                value = content.get(key)
                for path in value if isinstance(value, list) else [value]:
                    if isinstance(path, str):
                        self._add(path, members, split)

    def _add(self, path: str, members: Members, split: str) -> None:
        """Add a folder or a list. Of an absolute path, leading folders that do not exist here are dropped."""
        parts, is_list = _parts(path), path.strip().lower().endswith(".txt")
        is_absolute = path.startswith("/") or path[1:2] == ":"
        while is_absolute and len(parts) > 1 and not any(_holds(name, parts, is_list) for name in members):
            parts = parts[1:]
        if not is_list:
            self.folders.append((parts, split))
            return
        for name, member in members.items():
            if _holds(name, parts, is_list):
                for line in member.text().splitlines():
                    if _parts(line):
                        self.listed.setdefault(_parts(line)[-1], set()).add(split)

    def of(self, name: str) -> str | None:
        """Return the split of an image; None where there is none or where two splits hold it."""
        found = set(self.listed.get(name.rpartition("/")[2], set()))
        found |= {split for parts, split in self.folders if _holds(name, parts)}
        return found.pop() if len(found) == 1 else None


def _holds(name: str, parts: list[str], at_end: bool = False) -> bool:
    """Return whether a file lies in folders of these names one in another, or `at_end` whether its path ends so."""
    path = name.split("/")
    if at_end:
        return path[-len(parts) :] == parts
    starts = range(len(path) - len(parts))
    return bool(parts) and any(path[start : start + len(parts)] == parts for start in starts)


def _parts(path: str) -> list[str]:
    return [part for part in path.strip().replace("\\", "/").split("/") if part not in ("", ".", "..")]


def _file_name(name: str) -> str:
    return PurePosixPath(name).name.lower()


def _folder_index(name: str, folder: str) -> int | None:
    """Return the place of the last folder of this name on a path; None where there is none."""
    folders = [part.lower() for part in PurePosixPath(name).parts[:-1]]
    return max((index for index, part in enumerate(folders) if part == folder), default=None)


def _key(name: str, folder: str) -> Key:
    """Return what an image and its label file have in common: the path without this folder and without the suffix."""
    parts, index = PurePosixPath(name).parts, _folder_index(name, folder)
    rest = parts[:-1] if index is None else parts[:index] + parts[index + 1 : -1]
    return make_key([*rest, file_name(name)])


def _class_id(text: str) -> int | None:
    """Return a class id, which some tools write as `0.0`; None of another text."""
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() and 0 <= number < 1 << 31 else None


def _are_numbers(texts: Sequence[str]) -> bool:
    try:
        return all(math.isfinite(float(text)) for text in texts)
    except ValueError:
        return False


def _read_polygon(texts: Sequence[str], owner: str) -> Geometry:
    """Return the polygon of a line, in fractions of the image."""
    numbers = [float(text) for text in texts]
    if len(numbers) in (4, 5):
        raise UserError(f"{owner} is a box without a shape; draw its shape, or leave it out by skip_bad")
    if len(numbers) % 2:
        raise UserError(f"{owner} has {len(numbers)} coordinates, which are no pairs; export it again")
    outside = next((number for number in numbers if not -MARGIN <= number <= 1 + MARGIN), None)
    if outside is not None:
        raise UserError(
            f"{owner} has the coordinate {outside:g}, which is no fraction of the image; divide x by its width and y "
            "by its height"
        )
    return Polygon((ring([numbers[index : index + 2] for index in range(0, len(numbers), 2)]),))


def _yaml_files(members: Members) -> list[Member]:
    """Return the YAML files that name classes."""
    files = [member for name, member in members.items() if name.lower().endswith((".yaml", ".yml"))]
    return [member for member in files if {"names", *SPLIT_KEYS} & _read_yaml(member).keys()]


def _read_yaml(member: Member) -> dict[Any, Any]:
    """Return the content of a YAML file; of a file that is no mapping, nothing.

    Raises:
        UserError: the file is called data.yaml and is no YAML.
    """
    import yaml  # imported here, since few sources have such files

    if member.size > LARGEST_YAML or member.unpacked > LARGEST_YAML:
        return {}
    try:
        content = yaml.safe_load(member.text())
    except (yaml.YAMLError, UserError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        if _file_name(member.name) in ("data.yaml", "data.yml"):
            raise UserError(f"{member}: is not YAML ({' '.join(str(error).split())}); export it again") from None
        return {}
    return content if isinstance(content, dict) else {}


def _names_in_yaml(member: Member) -> dict[Hashable, str]:
    """Return the names of a YAML file by id: a list, a mapping from ids, or none but their number."""
    content = _read_yaml(member)
    names, count = content.get("names"), content.get("nc")
    if names is None:
        names = [f"class_{number}" for number in range(count)] if type(count) is int and count < 1000 else []
    by_id = names if isinstance(names, dict) else dict(enumerate(names)) if isinstance(names, list) else {}
    found: dict[int, str] = {}
    for key, name in by_id.items():
        class_id = _class_id(str(key)) if isinstance(key, int | str) else None
        if class_id is None or not isinstance(name, str | int | float) or isinstance(name, bool):
            raise UserError(
                f"{member}: names: {str(key)[:40]} is not the id of a class with a name; write ids with names in quotes"
            )
        found[class_id] = str(name).strip()
    if not found or (type(count) is int and count != len(found)):
        stated = f"nc = {count}" if type(count) is int else "no nc"
        raise UserError(f"{member}: names {len(found)} classes and has {stated}; give as many names as classes")
    return _checked(member, dict(sorted(found.items())))


def _names_in_text(member: Member) -> dict[Hashable, str]:
    lines = [line.strip() for line in member.text().splitlines() if line.strip()]
    return _checked(member, dict(enumerate(lines)))


def _checked(member: Member, names: dict[int, str]) -> dict[Hashable, str]:
    twice = [name for name in names.values() if list(names.values()).count(name) > 1]
    if twice or "" in names.values():
        raise UserError(f"{member}: names {(twice or [''])[0]!r} twice, or a class without a name; name each once")
    return {number: class_name(name) for number, name in names.items()}
