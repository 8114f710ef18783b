"""Class names of mask files: from the parameters, from a list beside the masks, or made from the pixel values."""

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from darkroom.annotations.formats._base import Members
from darkroom.annotations.mask_files import IGNORED_OF_16_BITS, SOFT, Colour, is_soft, read_values
from darkroom.annotations.pair import BACKGROUND, Pair, class_name
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.parameters import nearest
from darkroom.common.progress import progress
from darkroom.datasets.pairs import IGNORED

FILE_NAMES = ("classes.txt", "class_names.txt", "labelmap.txt", "labels.txt", "_classes.csv")
ROBOFLOW_HEADER = "pixel value"
LABELME_IGNORE = "__ignore__"  # the line before id 0 in the lists that LabelMe's scripts read
LINE_WITH_COLOUR = re.compile(r"(.+?):(\d+),\s*(\d+),\s*(\d+)(:.*)?")  # as in CVAT's labelmap.txt
LINE_WITH_ID = re.compile(r"(\d+)\s*[:,\s]\s*(\S.*)")
BLACK = (0, 0, 0)

LARGEST_ID = 254
# Values are taken for shades of grey where the largest is above FEW_IDS and above this multiple of their number.
FEW_IDS, LARGEST_PER_VALUE = 40, 4


@dataclass(frozen=True)
class ClassList:
    """A list of classes.

    Attributes:
        file: the file that it was read from.
        names: class names by id or, where the list has colours, by colour; the background comes first.
    """

    file: Member
    names: dict[Hashable, str]

    @property
    def has_colours(self) -> bool:
        """Whether the keys of `names` are colours."""
        return any(isinstance(key, tuple) for key in self.names)


@dataclass
class UsedValues:
    """The pixel values of a source's masks.

    Attributes:
        counts: pixels by value over all masks, (65536,).
        by_mask: the values of each mask.
        largest: the mask with the largest value.
    """

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(IGNORED_OF_16_BITS + 1, np.int64))
    by_mask: list[frozenset[int]] = field(default_factory=list)
    largest: Member | None = None

    @property
    def values(self) -> set[int]:
        """The values of all masks."""
        return set().union(*self.by_mask)


def name_mask_classes(pairs: list[Pair], members: Members, parameters: AnnotationParameters) -> dict[Hashable, str]:
    """Return the class names by pixel value, or by colour where a list has colours.

    The names are those of `annotations.classes` for the ids 1, 2, …, else those of a list for the ids 0, 1, …, else
    `class 1`, `class 2`, … Where all masks have the values 0 and 255 alone, 255 is the one class.

    Raises:
        UserError: the names do not fit the masks, or the values cannot be class ids.
    """
    listed = None if parameters.classes else read_class_list(members)
    if listed is not None and listed.has_colours:
        return {**({} if BACKGROUND in listed.names.values() else {BLACK: BACKGROUND}), **listed.names}
    names: dict[Hashable, str] = {}
    if parameters.classes:
        names = dict(enumerate([BACKGROUND, *parameters.classes]))
    elif listed is not None:
        names = listed.names
    foreground = [name for name in names.values() if name != BACKGROUND]
    if len(foreground) == len(names) == 2:
        foreground = foreground[1:]  # the first of two classes is the background, whatever its name
    if parameters.threshold is not None:
        return _names_above(parameters.threshold, foreground, listed)
    used = find_used_values(pairs, stop_early=len(names) > 2)
    for white in (IGNORED, IGNORED_OF_16_BITS):
        if white in used.values <= {0, white}:
            return {0: BACKGROUND, white: _one_name(foreground, f"the masks hold 0 and {white} alone", listed)}
    if len(names) in (0, 2):
        _refuse_two_codings(used)
    return names or _names_from_values(used)


def choose_classes(listed: Mapping[Hashable, str], parameters: AnnotationParameters) -> dict[Hashable, str]:
    """Return the class names of a source that has its own list of classes, by their keys.

    The classes are those of `annotations.classes`, in that order after the background, to which all others belong;
    without `annotations.classes` they are the listed ones.

    Args:
        listed: the names by key, in the order of the class ids.
        parameters: how annotations are read.

    Raises:
        UserError: `annotations.classes` has a name that is not listed.
    """
    if parameters.classes is None:
        return dict(sorted(listed.items(), key=lambda item: item[1] != BACKGROUND))
    for name in parameters.classes:
        if name not in listed.values():
            known = nearest(name, list(dict.fromkeys(listed.values())))
            raise UserError(f"params.yaml: annotations.classes: the annotations have no class {name!r}; {known}")
    chosen = {key: name if name in parameters.classes else BACKGROUND for key, name in listed.items()}
    names: dict[Hashable, str] = {BACKGROUND: BACKGROUND}
    for wanted in (BACKGROUND, *parameters.classes):
        names |= {key: name for key, name in chosen.items() if name == wanted}
    return names


def read_class_list(members: Members) -> ClassList | None:
    """Return the list of classes of a source; None where it has none.

    Each line is a class, the first one id 0. Lines may begin with the id, or end in a colour, as CVAT writes them.

    Raises:
        UserError: two lists differ, or one has a class twice.
    """
    lists = [_parse_list(m) for path, m in members.items() if PurePosixPath(path).name.lower() in FILE_NAMES]
    lists = [one for one in lists if one.names]
    for other in lists[1:]:
        if other.names != lists[0].names:
            raise UserError(f"{other.file}: names other classes than {lists[0].file.name}; keep one of them")
    return lists[0] if lists else None


def _parse_list(file: Member) -> ClassList:
    lines = [line.strip() for line in file.text().splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if lines[:1] == [LABELME_IGNORE]:
        lines = lines[1:]
    is_table = bool(lines) and lines[0].lower().startswith(ROBOFLOW_HEADER)
    lines = lines[1:] if is_table else lines
    keys: Sequence[Hashable] = range(len(lines))
    names = lines
    with_colour = [match for match in map(LINE_WITH_COLOUR.fullmatch, lines) if match]
    with_id = [match for match in map(LINE_WITH_ID.fullmatch, lines) if match]
    if len(with_colour) == len(lines):
        keys = [_parse_colour(file, match) for match in with_colour]
        names = [match[1] for match in with_colour]
    elif lines and len(with_id) == len(lines):
        ids = [int(match[1]) for match in with_id]
        if is_table or ids == list(range(ids[0], ids[0] + len(ids))):  # else the numbers are parts of the names
            keys, names = ids, [match[2] for match in with_id]
            if ids[0] == 1:
                keys, names = [0, *ids], [BACKGROUND, *names]
    names = [class_name(name) for name in names]
    for what, values in (("the class", names), ("the colour", keys)):
        twice = [value for value, count in Counter[Hashable](values).items() if count > 1]
        if twice:
            raise UserError(f"{file}: has {what} {twice[0]!r} twice; keep one of them")
    by_key = dict(zip(keys, names, strict=True))
    return ClassList(file, dict(sorted(by_key.items(), key=lambda item: item[1] != BACKGROUND)))


def _parse_colour(file: Member, match: re.Match[str]) -> Colour:
    red, green, blue = (int(number) for number in match.groups()[1:4])
    if max(red, green, blue) > 255:
        raise UserError(f"{file}: {match[0]!r}: a colour's parts are from 0 to 255")
    return red, green, blue


def find_used_values(pairs: list[Pair], stop_early: bool = False) -> UsedValues:
    """Return the pixel values of all masks that can be read.

    Args:
        pairs: images with their masks.
        stop_early: stop at the first mask that has other values than 0 and 255.

    Raises:
        UserError: no mask can be read.
    """
    used, first_error = UsedValues(), None
    bar = progress(len(pairs), "looking at masks")
    for pair in pairs:
        bar.update()
        try:
            counts = np.bincount(read_values(pair.annotation, pair.page).ravel(), minlength=len(used.counts))
        except UserError as error:
            first_error = first_error or error
            continue  # the conversion of this mask reports the error
        values = frozenset(np.flatnonzero(counts).tolist())
        ids = [value for value in values if value not in (IGNORED, IGNORED_OF_16_BITS)]
        if max(ids, default=0) > int(np.flatnonzero(used.counts[:IGNORED_OF_16_BITS]).max(initial=0)):
            used.largest = pair.annotation
        used.counts += counts
        used.by_mask.append(values)
        if stop_early and not (values <= {0, IGNORED} or values <= {0, IGNORED_OF_16_BITS}):
            break
    bar.close()
    if first_error is not None and not used.by_mask:
        raise first_error
    return used


def _names_above(threshold: int, foreground: list[str], listed: ClassList | None) -> dict[Hashable, str]:
    name = _one_name(foreground, f"annotations.threshold = {threshold} makes two classes", listed)
    return {value: name if value >= threshold else BACKGROUND for value in range(256)}


def _one_name(foreground: list[str], reason: str, listed: ClassList | None) -> str:
    """Return the name of the one foreground class of binary masks."""
    if len(foreground) > 1:
        where = str(listed.file) if listed is not None else "params.yaml: annotations.classes"
        raise UserError(f"{where}: names {len(foreground)} classes beside the background, but {reason}; name one")
    return foreground[0] if foreground else "foreground"


def _names_from_values(used: UsedValues) -> dict[Hashable, str]:
    """Return `class 1`, `class 2`, … up to the largest value, where the values can be class ids."""
    ids = used.values - {IGNORED, IGNORED_OF_16_BITS}
    largest = max(ids, default=0)
    if is_soft(np.trim_zeros(used.counts, "b")):
        raise UserError(f"{used.largest}: is one of masks that have {len(ids)} values up to {largest}; {SOFT}")
    if largest > LARGEST_ID:
        raise UserError(
            f"{used.largest}: has the value {largest}; ids are from 0 to {LARGEST_ID}, so number the classes anew, or "
            "name all of them in annotations.classes"
        )
    if largest > FEW_IDS and largest > LARGEST_PER_VALUE * len(ids):
        raise UserError(
            f"{used.largest}: the masks have {len(ids)} values up to {largest}, which look like shades of grey and not "
            f"like class ids; give each in annotations.colours, such as {{crack: [{largest}, {largest}, {largest}]}}"
        )
    return dict(enumerate([BACKGROUND, *(f"class {class_id}" for class_id in range(1, largest + 1))]))


def _refuse_two_codings(used: UsedValues) -> None:
    """Refuse masks of which some have the foreground as 1 and others as 255, since those would be ignored."""
    with_one = [values for values in used.by_mask if 1 in values]
    with_white = [values for values in used.by_mask if IGNORED in values]
    if used.values == {0, 1, IGNORED} and not any(IGNORED in values for values in with_one):
        raise UserError(
            f"{used.largest}: is of 0 and 1, but {len(with_white)} others are of 0 and {IGNORED}; save all in one way, "
            "or set annotations.threshold to 1, the least value of foreground pixels"
        )
