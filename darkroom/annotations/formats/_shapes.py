"""What the formats of shapes have in common: they read shapes, which are drawn here."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.formats._base import MOST_OBJECTS, AnnotationFormat, Drawing, DrawnShape, Members, Refuse
from darkroom.annotations.image_index import ImageIndex
from darkroom.annotations.pair import (
    BACKGROUND,
    BACKGROUND_NAMES,
    IMAGE_SUFFIXES,
    Pair,
    Size,
    WrongSize,
    class_name,
    file_name,
    folded,
)
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.shapes import (
    AnnotatedImage,
    Convention,
    Region,
    Shape,
    Stencil,
    count_outside,
    find_pixels,
    scaled,
)
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.parameters import nearest
from darkroom.datasets.pairs import IGNORED
from darkroom.datasets.split_folders import split_in


@dataclass(frozen=True)
class FileContent:
    """What an annotation file says.

    Attributes:
        images: the annotated images.
        classes: names of classes by the labels of shapes, where the file lists its classes; else empty.
        refused: why shapes or images of the file cannot be used.
    """

    images: list[AnnotatedImage]
    classes: dict[Hashable, str]
    refused: list[str]


class ShapeFormat(AnnotationFormat):
    """Base of the formats whose files hold shapes.

    A subclass says which files are its own and returns their shapes. Matching them with images, naming classes and
    drawing are done here. A photo's classes are those that the files list, else all labels.

    Attributes:
        TITLE: the tool's name, for messages.
        SUFFIXES: of annotation files, in lower case.
        CONVENTION: which pixels polygons cover.
        SMALLER_ON_TOP: smaller shapes cover larger ones; else later ones cover earlier ones.
        HAS_FILE_PER_IMAGE: an annotation file is about one image, named like it.
        IGNORED_LABELS: labels of shapes whose pixels get ignore_index.
        LISTS_OTHER_IMAGES: the files list images of a large data set. Those that are not there are left out.
        KEEPS_CLASS_ORDER: class ids are in the order in which the source lists the classes; else they are sorted.
    """

    TITLE: ClassVar[str]
    SUFFIXES: ClassVar[tuple[str, ...]] = (".json",)
    CONVENTION: ClassVar[Convention] = Convention.PYCOCOTOOLS
    SMALLER_ON_TOP: ClassVar[bool] = False
    HAS_FILE_PER_IMAGE: ClassVar[bool] = False
    IGNORED_LABELS: ClassVar[frozenset[Hashable]] = frozenset()
    LISTS_OTHER_IMAGES: ClassVar[bool] = False
    KEEPS_CLASS_ORDER: ClassVar[bool] = False
    HAS_OBJECTS: ClassVar[bool] = True

    @abstractmethod
    def accepts(self, file: AnnotationFile) -> bool:
        """Return whether a file with one of the `SUFFIXES` is of this format and of no other.

        A `UserError` counts as no.
        """

    @abstractmethod
    def read(self, file: AnnotationFile, refuse: Refuse) -> tuple[list[AnnotatedImage], dict[Hashable, str]]:
        """Return the annotated images of a file, and its list of classes: names by the labels of shapes, or none.

        Args:
            file: a file that `accepts` accepted.
            refuse: called for each shape or image that cannot be used; it returns.

        Raises:
            UserError: the file as a whole cannot be used.
        """

    def listed_classes(self, members: Members) -> dict[Hashable, str]:
        """Return the names of classes by label from files beside the annotations, such as a `data.yaml`."""
        return {}

    def complete(self, image: AnnotatedImage, file: Member, members: Members, refuse: Refuse) -> AnnotatedImage:
        """Return an image with what other files of the source say of it.

        Args:
            image: one that `read` returned.
            file: its annotation file.
            members: the files of the source.
            refuse: called for each shape that cannot be used; it may return.

        Raises:
            UserError: the image cannot be used.
        """
        return image

    def candidates(self, members: Members) -> list[Member]:
        """Return the files that may be annotations."""
        return [member for name, member in members.items() if name.lower().endswith(self.SUFFIXES)]

    def recognizes(self, members: Members, parameters: AnnotationParameters) -> bool:
        """Return whether a file is of this format."""
        return bool(members.contents[self.name])

    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return a pair for each annotated image.

        What the files' readers refused is refused, and so are annotations without their image. Of a format with a file
        per image, a file that is named like an image but is of another format is refused too.
        """
        images, pairs, missing = ImageIndex(members), [], 0
        contents = members.contents[self.name]
        if self.HAS_FILE_PER_IMAGE:
            self._refuse_unread(members, contents, refuse)
        for member, content in contents.items():
            for reason in content.refused:
                refuse(reason)
            for drawn in content.images:
                split = drawn.split or self.split_of(member)
                try:
                    drawn = self.complete(drawn, member, members, refuse)
                    image = images.find(drawn.path, member, split)
                    if image is None and drawn.other_path is not None:
                        image = images.find(drawn.other_path, member, split)
                except UserError as error:
                    refuse(str(error))
                    continue
                if image is None and self.LISTS_OTHER_IMAGES:
                    missing += 1
                    continue
                if image is None and not drawn.embedded:
                    refuse(f"{member}: its image {drawn.path!r} is not in the archive; add it or remove the annotation")
                    continue
                name = file_name(image.name if image is not None else member.name)
                drawn = _find_masks(drawn, images, member, refuse)
                is_one_of_many = not self.HAS_FILE_PER_IMAGE
                split = split or (split_in(image.name) if image is not None else None)
                refused = tuple(content.refused) if len(content.images) == 1 else ()
                pairs.append(Pair(name, image, member, split, drawn, is_one_of_many, refused))
        if missing:
            print(f"{missing} images that {self.name} lists are not in the archive and are left out", flush=True)
        return pairs

    def split_of(self, member: Member) -> str | None:
        """Return the split of an annotation file."""
        return split_in(member.name)

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the class names by the labels of shapes.

        The classes are those of `annotations.classes`, else those that the source lists, else all labels.

        Raises:
            UserError: the source lists its classes, and one of `annotations.classes` is none of them.
        """
        listed = self.listed_classes(members)
        for content in members.contents[self.name].values():
            listed |= content.classes
        labels = {shape.label for pair in pairs if pair.drawn is not None for shape in pair.drawn.shapes}
        by_label = listed or {label: str(label) for label in sorted(labels - self.IGNORED_LABELS, key=str)}
        labels_by_name: dict[str, list[Hashable]] = defaultdict(list)
        for label, name in by_label.items():
            labels_by_name[class_name(name)].append(label)
        names = [name for name in labels_by_name if name != BACKGROUND]
        names = parameters.classes or (names if self.KEEPS_CLASS_ORDER else sorted(names))
        for name in names:
            if listed and name not in labels_by_name:
                raise UserError(
                    f"params.yaml: annotations.classes: the annotations have no class {name!r}; "
                    f"{nearest(name, list(labels_by_name))}"
                )
        keys: dict[Hashable, str] = dict.fromkeys(BACKGROUND_NAMES, BACKGROUND)
        for name in (BACKGROUND, *names):
            keys |= dict.fromkeys(labels_by_name.get(name, [name]), name)
        return keys

    def annotated_size(self, pair: Pair) -> Size | None:
        """Return the size that the file states for the image."""
        assert pair.drawn is not None
        return pair.drawn.size

    def draw(
        self, pair: Pair, ids: Mapping[Hashable, int], size: Size, refuse: Refuse, with_objects: bool = False
    ) -> Drawing:
        """Draw the shapes of a pair."""
        assert pair.drawn is not None
        stated = pair.drawn.size
        if stated is not None and stated != size:
            raise WrongSize(
                f"{pair}: was drawn on {stated[0]}×{stated[1]} pixels, but its image has {size[0]}×{size[1]}"
            )
        found = list(self.find_regions(pair, ids, size, refuse))
        if self.SMALLER_ON_TOP:
            found.sort(key=lambda one: -int(one[1].pixels.sum()))
        mask = np.zeros(size[::-1], np.uint8)
        objects = np.zeros(size[::-1], np.uint16) if with_objects else None
        numbers: dict[Hashable, int] = {}
        no_objects = (ids.get(BACKGROUND), IGNORED)
        for place, (shape, region) in enumerate(found):
            class_id = ids.get(shape.label, IGNORED)
            mask[region.slices][region.pixels] = class_id
            if objects is not None:
                is_object = shape.is_object and class_id not in no_objects
                key = (class_id, "shape", place) if shape.object_key is None else (class_id, "group", shape.object_key)
                number = numbers.setdefault(key, len(numbers) + 1) if is_object else 0
                if number > MOST_OBJECTS:
                    raise UserError(f"{pair}: has more than {MOST_OBJECTS} objects; write its masks without object ids")
                objects[region.slices][region.pixels] = number
        outside = sum(count_outside(shape.geometry, size) for shape, _ in found)
        unseen = sum(not region.pixels.any() for _, region in found)
        shapes = [DrawnShape(ids.get(shape.label, IGNORED), shape, region) for shape, region in found]
        return Drawing(mask, objects, outside, unseen, shapes)

    def find_regions(
        self, pair: Pair, ids: Mapping[Hashable, int], size: Size, refuse: Refuse
    ) -> list[tuple[Shape, Region]]:
        """Return the shapes of a pair, in pixels, with their regions. Those of unknown classes are refused."""
        assert pair.drawn is not None
        found = []
        for shape in pair.drawn.shapes:
            owner = f"{pair}: {shape.title}"
            try:
                if shape.label not in self.IGNORED_LABELS and shape.label not in ids:
                    raise UserError(f"{owner}: unknown class {shape.label!r}; add it to annotations.classes")
                one = replace(shape, geometry=scaled(shape.geometry, *size)) if pair.drawn.relative else shape
                found.append((one, find_pixels(one.geometry, size, self.CONVENTION, owner)))
            except UserError as error:
                refuse(str(error))
        return found

    def _refuse_unread(self, members: Members, contents: Mapping[Member, FileContent], refuse: Refuse) -> None:
        """Refuse files that are named like an image but are not of this format."""
        stems = {folded(name.rpartition(".")[0]) for name in members if name.lower().endswith(IMAGE_SUFFIXES)}
        for member in self.candidates(members):
            if member in contents or folded(member.name.rpartition(".")[0]) not in stems:
                continue
            try:
                if member.name.lower().endswith(".json"):
                    _ = AnnotationFile(member).json
                refuse(f"{member}: is not {self.TITLE}'s; remove it or save it again")
            except UserError as error:
                refuse(str(error))


def _find_masks(drawn: AnnotatedImage, files: ImageIndex, annotation: Member, refuse: Refuse) -> AnnotatedImage:
    """Return an image with mask files in place of their paths. Shapes whose mask file is missing are refused."""
    if not any(isinstance(one.geometry, Stencil) and isinstance(one.geometry.file, str) for one in drawn.shapes):
        return drawn
    shapes = []
    for shape in drawn.shapes:
        stencil = shape.geometry
        if isinstance(stencil, Stencil) and isinstance(stencil.file, str):
            try:
                file = files.find(stencil.file, annotation, None)
            except UserError as ambiguous:
                refuse(str(ambiguous))
                continue
            if file is None:
                refuse(f"{annotation}: {shape.title}: its mask {stencil.file!r} is not in the archive; add it")
                continue
            shape = replace(shape, geometry=replace(stencil, file=file))
        shapes.append(shape)
    return replace(drawn, shapes=shapes)
