"""Mapillary Vistas, versions 1.1 to 2.0: folders `images`, `labels` and `instances`, and `config.json`.

The palette index of a label image is the number of its class in `config.json` (`config_v2.0.json` and so on); in an
instance image the value is that number times 256 plus the number of the object. Of several versions the newest counts.
The classes are those of the config in its order, under their readable names; those that Mapillary does not evaluate are
ignored. With `annotations.classes` the others are background. See https://www.mapillary.com/dataset/vistas.
"""

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

import numpy as np

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.class_lists import choose_classes
from darkroom.annotations.formats._base import Drawing, Members, Refuse
from darkroom.annotations.mask_files import (
    Key,
    MaskFileFormat,
    check_size,
    ids_by_value,
    make_key,
    number_objects,
    read_values,
)
from darkroom.annotations.pair import IMAGE_SUFFIXES, Pair, Size, file_name
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.pairs import IGNORED
from darkroom.datasets.split_folders import split_in

CONFIG = re.compile(r"config(?:_v(\d+\.\d+))?\.json")
VERSION = re.compile(r"v\d+\.\d+")
IMAGES, LABELS, INSTANCES = "images", "labels", "instances"
OBJECTS_PER_CLASS = 256


@dataclass(frozen=True)
class Label:
    """A class of the config: its name, whether Mapillary evaluates it, and whether its objects are told apart."""

    name: str
    is_evaluated: bool
    has_objects: bool


@dataclass(frozen=True)
class Details:
    """The classes in the order of their numbers, and the file of instances."""

    labels: tuple[Label, ...]
    instances: Member | None


class Mapillary(MaskFileFormat):
    """Mapillary Vistas."""

    HAS_OBJECTS: ClassVar[bool] = True
    IS_PUBLISHED: ClassVar[bool] = True

    def recognizes(self, members: Members, parameters: AnnotationParameters) -> bool:
        """Return whether there is a config with labels, and files of labels or instances."""
        version = _newest_version(members)
        return version is not None and _find_config(members, version) is not None

    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return a pair for each image and its labels. Labels without an image are refused.

        Raises:
            UserError: there is no config, or it is not Mapillary's.
        """
        version = _newest_version(members)
        if version is None:
            return []
        config = _find_config(members, version)
        if config is None:
            raise UserError("the archive has no config.json of Mapillary Vistas with its labels; add it")
        labels = _read_config(config)
        images = {_key(name): member for name, member in members.items() if _kind(name) == IMAGES}
        files: dict[Key, dict[str, Member]] = {}
        for name, member in members.items():
            kind = _kind(name)
            if kind in (LABELS, INSTANCES) and _version(name) == version:
                files.setdefault(_key(name), {})[kind] = member
        pairs = []
        for key, by_kind in files.items():
            member = by_kind.get(LABELS) or by_kind[INSTANCES]
            if key not in images:
                refuse(f"{member}: its image is not in the archive; add it or remove the labels")
                continue
            details = Details(labels, by_kind.get(INSTANCES))
            name = images[key].name
            pairs.append(Pair(file_name(name), images[key], member, split_in(name), details=details))
        return pairs

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the names of the evaluated classes by their numbers."""
        labels = pairs[0].details.labels
        chosen = parameters.classes or []
        listed: dict[Hashable, str] = {
            number: one.name for number, one in enumerate(labels) if one.is_evaluated or one.name in chosen
        }
        return choose_classes(listed, parameters)

    def tells_objects(self, pair: Pair) -> bool:
        """Return whether there is a file of the pair's object ids."""
        return pair.details.instances is not None

    def draw(
        self, pair: Pair, ids: Mapping[Hashable, int], size: Size, refuse: Refuse, with_objects: bool = False
    ) -> Drawing:
        """Draw the mask of a pair."""
        labels, instances = pair.details.labels, pair.details.instances
        values = read_values(pair.annotation).astype(np.int64)
        if pair.annotation == instances:
            values //= OBJECTS_PER_CLASS
        known: dict[Hashable, int] = dict.fromkeys(range(len(labels)), IGNORED)
        mask = ids_by_value(pair, values, {**known, **ids}, size)
        if not with_objects:
            return Drawing(mask)
        if instances is None:
            raise UserError(f"{pair}: has no file in a folder {INSTANCES}, which holds the object ids; add it")
        numbers = read_values(instances).astype(np.int64)
        check_size(pair, numbers, size)
        has_objects = np.array([one.has_objects for one in labels] + [False] * OBJECTS_PER_CLASS)
        numbers = np.where(has_objects[values], numbers + 1, 0)  # the first object of the first class has the value 0
        return Drawing(mask, number_objects(pair, numbers, mask))


def _kind(name: str) -> str | None:
    """Return the folder of Mapillary's that an image file is in."""
    path = PurePosixPath(name)
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        return None
    return next((part for part in reversed(path.parts[:-1]) if part in (IMAGES, LABELS, INSTANCES)), None)


def _version(name: str) -> str:
    return next((part for part in PurePosixPath(name).parts[:-1] if VERSION.fullmatch(part)), "")


def _key(name: str) -> Key:
    """Return the path of a file without its suffix and without Mapillary's own folders."""
    path = PurePosixPath(name)
    own = (IMAGES, LABELS, INSTANCES)
    return make_key([part for part in path.parts[:-1] if part not in own and not VERSION.fullmatch(part)] + [path.stem])


def _newest_version(members: Members) -> str | None:
    """Return the folder of the newest version, empty of version 1.1, which has none; None without labels."""
    versions = {_version(name) for name in members if _kind(name) in (LABELS, INSTANCES)}
    return max(versions, default=None)


def _find_config(members: Members, version: str) -> Member | None:
    """Return the config of a version, else the one that names no version."""
    found = {}
    for name, member in members.items():
        match = CONFIG.fullmatch(PurePosixPath(name).name)
        if match is not None:
            try:
                content = AnnotationFile(member).json
            except UserError:
                continue
            if isinstance(content, dict) and isinstance(content.get("labels"), list):
                found[f"v{match[1]}" if match[1] else ""] = member
    return found.get(version) or found.get("")


def _read_config(file: Member) -> tuple[Label, ...]:
    """Return the classes of a config. Their names are the readable ones where these differ from each other."""
    entries = AnnotationFile(file).json["labels"]
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{file}: has no list of labels; take the data set's own file")
    for key in ("readable", "name"):
        names = [entry.get(key) for entry in entries]
        if all(isinstance(name, str) and name for name in names) and len(set(names)) == len(names):
            return tuple(
                Label(str(name), bool(entry.get("evaluate", True)), bool(entry.get("instances", True)))
                for name, entry in zip(names, entries, strict=True)
            )
    raise UserError(f"{file}: has labels without names or of the same name; take the data set's own file")
