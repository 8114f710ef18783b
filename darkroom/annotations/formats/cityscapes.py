"""Cityscapes: `leftImg8bit/SPLIT/CITY/X_leftImg8bit.png` with `X_gtFine_….png` or `.json` in `gtFine` or `gtCoarse`.

The classes are the 19 that Cityscapes evaluates, in the order of its train ids: road has id 0. All others, such as
parking, and unlabelled pixels are ignored. With `annotations.classes` any of Cityscapes' labels can be chosen; the
other evaluated ones are background then. Of an image's label files the first of `labelIds`, `instanceIds`,
`labelTrainIds` and `polygons` counts, and gtFine before gtCoarse. Polygons are drawn in order, later ones over earlier
ones, as cityscapesScripts draws them: a license plate is not drawn, and a `cargroup` is car but no object. Sets with a
`label_colors.txt`, as CVAT exports them, have the classes of that list. See
https://github.com/mcordts/cityscapesScripts.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import ClassVar

import numpy as np

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.class_lists import choose_classes
from darkroom.annotations.formats._base import Drawing, Members, Refuse
from darkroom.annotations.formats._shapes import ShapeFormat
from darkroom.annotations.mask_files import (
    Key,
    check_size,
    ids_by_value,
    make_key,
    number_objects,
    open_image,
    read_values,
)
from darkroom.annotations.pair import IMAGE_SUFFIXES, Pair, Size, check_points, class_name, file_name
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.shapes import AnnotatedImage, Box, Convention, Polygon, Shape, ring
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.pairs import IGNORED
from darkroom.datasets.split_folders import split_of

# Cityscapes' labels in the order of their ids from 0 on. The evaluated ones have the train ids 0, 1, … in this order.
EVALUATED = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
    "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
LABELS = (
    "unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic", "ground", "road", "sidewalk",
    "parking", "rail track", "building", "wall", "fence", "guard rail", "bridge", "tunnel", "pole", "polegroup",
    "traffic light", "traffic sign", "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus",
    "caravan", "trailer", "train", "motorcycle", "bicycle",
)  # fmt: skip
UNLABELLED, NOT_DRAWN = "unlabeled", "license plate"
WITH_OBJECTS = LABELS[LABELS.index("person") :]
OBJECTS_PER_CLASS = 1000  # the value in instanceIds is the label's id, or 1000 times that plus the object's number
GROUP = "group"  # the end of the label of several objects that are not told apart

IMAGE_NAME = re.compile(r"(.+)_(?:left|right)Img8bit(?:_.+)?", re.IGNORECASE)
LABEL_NAME = re.compile(
    r"(.+)_(gtFine|gtCoarse)_(labelIds\.png|instanceIds\.png|labelTrainIds\.png|polygons\.json)", re.IGNORECASE
)
LABEL_IDS, INSTANCE_IDS, TRAIN_IDS, POLYGONS = "labelids.png", "instanceids.png", "labeltrainids.png", "polygons.json"
KINDS = (LABEL_IDS, INSTANCE_IDS, TRAIN_IDS, POLYGONS)  # the first that an image has counts
FOLDERS = re.compile(r"(left|right)Img8bit|gtFine|gtCoarse|imgsFine", re.IGNORECASE)
CLASS_LIST = "label_colors.txt"
SPLITS = {"train_extra": "train"}  # beside those that `split_of` knows


@dataclass
class Found:
    """The files of one place.

    Attributes:
        images: the images.
        labels: the label files by `gtfine` or `gtcoarse`, and by kind.
    """

    images: list[Member] = field(default_factory=list)
    labels: dict[tuple[str, str], Member] = field(default_factory=dict)

    def choose(self) -> tuple[str, Member, Member | None] | None:
        """Return the kind of the label file that counts, the file, and the file of instances; None without labels."""
        for fineness in ("gtfine", "gtcoarse"):
            for kind in KINDS:
                if (fineness, kind) in self.labels:
                    return kind, self.labels[fineness, kind], self.labels.get((fineness, INSTANCE_IDS))
        return None


class Cityscapes(ShapeFormat):
    """Cityscapes and sets of its layout."""

    TITLE: ClassVar[str] = "Cityscapes"
    IS_PUBLISHED: ClassVar[bool] = True
    CONVENTION: ClassVar[Convention] = Convention.PILLOW
    IGNORED_LABELS: ClassVar[frozenset[Hashable]] = frozenset(LABELS) - frozenset(EVALUATED)

    def candidates(self, members: Members) -> list[Member]:
        """Return the files of polygons that count."""
        chosen = [one.choose() for one in _find_files(members).values()]
        return [one[1] for one in chosen if one is not None and one[0] == POLYGONS]

    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether a JSON file has objects and the size of the image."""
        content = file.json
        return isinstance(content, dict) and isinstance(content.get("objects"), list) and "imgHeight" in content

    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the image of a file with its polygons, of which the first is the unlabelled ground."""
        content = file.json
        width, height = content.get("imgWidth"), content["imgHeight"]
        if not (type(width) is int and type(height) is int and width > 0 and height > 0):
            raise UserError(f"{file}: its size is {width!r}×{height!r}, which are no numbers of pixels; save it again")
        shapes = [Shape(UNLABELLED, Box(0, 0, width, height), "the whole image", is_object=False)]
        for index, entry in enumerate(content["objects"]):
            owner = f"objects[{index}]"
            try:
                shape = _read_object(entry, owner, f"{file}: {owner}")
            except UserError as error:
                refuse(str(error))
                continue
            if shape is not None:
                shapes.append(shape)
        return [AnnotatedImage("", shapes, (width, height))], {}

    def recognizes(self, members: Members, parameters: AnnotationParameters) -> bool:
        """Return whether there are an image and a label file of Cityscapes' names."""
        return any(one.images and one.labels for one in _find_files(members).values())

    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return a pair for each image with labels. Labels without their image are refused."""
        contents = members.contents[self.name]
        pairs = []
        for place in _find_files(members).values():
            chosen = place.choose()
            if chosen is None:
                continue
            kind, member, instances = chosen
            drawn = None
            if kind == POLYGONS:
                content = contents.get(member)
                if content is None:
                    refuse(f"{member}: is not Cityscapes'; remove it or save it again")
                    continue
                for reason in content.refused:
                    refuse(reason)
                if not content.images:
                    continue
                drawn = content.images[0]
            if not place.images:
                refuse(f"{member}: its image …_leftImg8bit is not in the archive; add it or remove the labels")
            for image in place.images:
                pairs.append(
                    Pair(file_name(image.name), image, member, _split_of(image.name), drawn, details=(kind, instances))
                )
        return pairs

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the evaluated classes, or those of `label_colors.txt`, or those of the parameters.

        The keys are names for polygons, and a kind of file with a pixel value for images.
        """
        listed = _read_class_list(members)
        if listed is not None:
            by_value: dict[Hashable, str] = {(LABEL_IDS, value): name for value, name in enumerate(listed)}
            return choose_classes(by_value | {name: name for name in listed}, parameters)
        own = {
            str(shape.label): str(shape.label)
            for pair in pairs
            if pair.drawn is not None
            for shape in pair.drawn.shapes
            if shape.label not in LABELS and shape.label in (parameters.classes or [])
        }
        classes = [name for name in (*EVALUATED, *LABELS) if name in EVALUATED or name in (parameters.classes or [])]
        names: dict[Hashable, str] = {name: name for name in classes}
        names |= {(LABEL_IDS, LABELS.index(name)): name for name in classes}
        names |= {(TRAIN_IDS, value): name for value, name in enumerate(EVALUATED)}
        return choose_classes(names | own, parameters)

    def annotated_size(self, pair: Pair) -> Size | None:
        """Return the size that the polygons state, or that of the label image."""
        return pair.drawn.size if pair.drawn is not None else open_image(pair.annotation, decode=False).size

    def tells_objects(self, pair: Pair) -> bool:
        """Return whether there is a file of the pair's object ids."""
        return pair.drawn is not None or pair.details[1] is not None

    def draw(
        self, pair: Pair, ids: Mapping[Hashable, int], size: Size, refuse: Refuse, with_objects: bool = False
    ) -> Drawing:
        """Draw the polygons, or return the label image with pixel values replaced by class ids."""
        if pair.drawn is not None:
            return super().draw(pair, ids, size, refuse, with_objects)
        kind, instances = pair.details
        values = read_values(pair.annotation).astype(np.int64)
        if kind == INSTANCE_IDS:
            values, kind = _label_ids(values), LABEL_IDS
        known: dict[Hashable, int] = {IGNORED: IGNORED}
        if (TRAIN_IDS, 0) in ids:  # else the set has a list of its own
            known |= dict.fromkeys(range(len(LABELS) if kind == LABEL_IDS else 0), IGNORED)
        elif kind == TRAIN_IDS:  # whose ids are those of the list
            kind = LABEL_IDS
        known |= {key[1]: number for key, number in ids.items() if isinstance(key, tuple) and key[0] == kind}
        mask = ids_by_value(pair, values, known, size)
        if not with_objects:
            return Drawing(mask)
        if instances is None:
            raise UserError(f"{pair}: has no {INSTANCE_IDS.replace('ids', 'Ids')} beside it; add it for object ids")
        numbers = read_values(instances).astype(np.int64)
        check_size(pair, numbers, size)
        numbers[numbers < OBJECTS_PER_CLASS] = 0
        if (TRAIN_IDS, 0) not in ids and mask.any() and not numbers.any():
            raise UserError(
                f"{pair}: {instances.name} tells no objects apart, as CVAT writes it; export another format"
            )
        return Drawing(mask, number_objects(pair, numbers, mask))


def _label_ids(values: np.ndarray) -> np.ndarray:
    return np.where(values < OBJECTS_PER_CLASS, values, values // OBJECTS_PER_CLASS)


def _find_files(members: Members) -> dict[Key, Found]:
    """Return the images and label files by their place: the folders without Cityscapes' own, and the common name."""
    found: dict[Key, Found] = defaultdict(Found)
    for name, member in members.items():
        path = PurePosixPath(name)
        label, image = LABEL_NAME.fullmatch(path.name), IMAGE_NAME.fullmatch(path.stem)
        if label is not None:
            place = found[_key(path, label[1])]
            place.labels[label[2].lower(), label[3].lower()] = member
        elif image is not None and path.suffix.lower() in IMAGE_SUFFIXES:
            found[_key(path, image[1])].images.append(member)
    return found


def _key(path: PurePosixPath, name: str) -> Key:
    """Return what the paths of an image and of its labels share: the folders below the data set's own, and the name."""
    folders = path.parts[:-1]
    own = [index for index, folder in enumerate(folders) if FOLDERS.match(folder)]
    return make_key([*folders[own[-1] + 1 if own else 0 :], name])


def _split_of(name: str) -> str | None:
    folders = reversed(PurePosixPath(name).parts[:-1])
    return next(
        (split for split in (SPLITS.get(folder.lower()) or split_of(folder) for folder in folders) if split), None
    )


def _read_object(entry: object, owner: str, where: str) -> Shape | None:
    """Return an object of a file of polygons; None where Cityscapes does not draw it."""
    if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
        raise UserError(f"{where} has no label; give it one")
    label = entry["label"]
    if entry.get("deleted") or label == NOT_DRAWN:
        return None
    single = label.removesuffix(GROUP) if label not in LABELS else label
    is_group = single != label and single in LABELS
    label = single if is_group else label
    points = entry.get("polygon")
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise UserError(f"{where}, a {label}, has no polygon of points [x, y]; redraw it")
    corners = check_points([number for point in points for number in point], f"{where}, a {label},")
    if len(corners) < 3:
        raise UserError(f"{where}, a {label}, has {len(corners)} points and needs 3; redraw it")
    is_object = not is_group and (label in WITH_OBJECTS or label not in LABELS)
    return Shape(label, Polygon((ring(corners),)), f"{owner}, a {label}", is_object=is_object)


def _read_class_list(members: Members) -> list[str] | None:
    """Return the classes of a `label_colors.txt` in the order of their ids; None where there is no list of own classes.

    A line is red, green, blue and the name. A list of Cityscapes' own labels counts as none.
    """
    for name, member in members.items():
        if PurePosixPath(name).name.lower() != CLASS_LIST:
            continue
        names = []
        for line in member.text().splitlines():
            if not line.strip() or line.strip().startswith("#"):
                continue
            match = re.fullmatch(r"\s*(?:\d+\s+\d+\s+\d+\s+)?(\S.*?)\s*", line)
            names.append(class_name(match[1]) if match else line.strip())
        twice = next((one for one in names if names.count(one) > 1), None)
        if twice is not None:
            raise UserError(f"{member}: has the class {twice!r} twice; keep one of them")
        if [one.replace(" ", "") for one in names[: len(LABELS)]] == [one.replace(" ", "") for one in LABELS]:
            return None
        return names or None
    return None
