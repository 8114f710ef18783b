"""The classes of masks that are image files: from the parameters, from a list beside them, or from their values."""

import re
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np

from darkroom.annotations.mask_files import IGNORED_OF_16_BITS, SOFT, Colour, is_soft, values
from darkroom.annotations.pair import BACKGROUND, IGNORED, Pair, class_name
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.progress import progress

LISTS = ("classes.txt", "class_names.txt", "labelmap.txt", "labels.txt")
LABELME_IGNORE = "__ignore__"  # stands before id 0 in the lists that labelme's own scripts take
WITH_COLOUR = re.compile(r"(.+?):(\d+),\s*(\d+),\s*(\d+)(:.*)?")  # CVAT's labelmap.txt
WITH_NUMBER = re.compile(r"(\d+)\s*[:,\s]\s*(\S.*)")
LARGEST_ID = 254
MOST_GAPS = 4  # times as many ids as are used
FEW_IDS = 40  # under which gaps mean nothing
BLACK = (0, 0, 0)


@dataclass
class Listed:
    """What a list names: classes by value or, where it gives colours, by colour."""

    file: Member
    names: dict[Hashable, str]

    @property
    def has_colours(self) -> bool:
        return any(isinstance(key, tuple) for key in self.names)


@dataclass
class Used:
    """The values of a source's masks.

    Attributes:
        counts: pixels by value, int64 (65536,).
        of_masks: the values of each mask.
        largest: the mask that has the largest value.
    """

    counts: np.ndarray = field(default_factory=lambda: np.zeros(IGNORED_OF_16_BITS + 1, np.int64))
    of_masks: list[frozenset[int]] = field(default_factory=list)
    largest: Member | None = None

    @property
    def values(self) -> set[int]:
        return set().union(*self.of_masks)


def mask_classes(
    found: list[Pair], members: Mapping[str, Member], parameters: AnnotationParameters
) -> dict[Hashable, str]:
    """The names that the parameters give (ids 1, 2, …), or those of a list (ids 0, 1, …), or `class 1`, …; by value.

    Where all masks hold 0 and 255 alone, 255 is the one class. A list with colours gives them by colour.

    Raises:
        UserError: a list that cannot be meant, or values that are no class ids.
    """
    listed = None if parameters.classes else read_list(members)
    if listed is not None and listed.has_colours:
        return {**({} if BACKGROUND in listed.names.values() else {BLACK: BACKGROUND}), **listed.names}
    names = dict(enumerate([BACKGROUND, *parameters.classes])) if parameters.classes else listed and listed.names
    foreground = [name for name in (names or {}).values() if name != BACKGROUND]
    if names and len(foreground) == len(names) == 2:
        foreground = foreground[1:]  # the first one is what is not the other
    if parameters.threshold is not None:
        return _above(parameters.threshold, foreground, listed)
    used = used_values(found, stop=names is not None and len(names) > 2)
    for white in (IGNORED, IGNORED_OF_16_BITS):
        if white in used.values <= {0, white}:
            return {0: BACKGROUND, white: _only(foreground, f"the masks hold 0 and {white} alone", listed)}
    if names is None or len(names) == 2:
        _refuse_two_codings(used)
    return _by_number(used) if names is None else names


def read_list(members: Mapping[str, Member]) -> Listed | None:
    """The one list of classes of a source; None where it has none.

    A line is a class, the first one id 0. Lines may begin with the id, or end in a colour, as CVAT writes them.

    Raises:
        UserError: two lists that differ, or a class that is named twice.
    """
    lists = [_parsed(m) for name, m in members.items() if PurePosixPath(name).name.lower() in LISTS]
    lists = [one for one in lists if one.names]
    for other in lists[1:]:
        if other.names != lists[0].names:
            raise UserError(f"{other.file}: names other classes than {lists[0].file.name}; keep one of them")
    return lists[0] if lists else None


def _parsed(file: Member) -> Listed:
    lines = [line.strip() for line in file.text().splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if lines[:1] == [LABELME_IGNORE]:
        lines = lines[1:]
    coloured = [WITH_COLOUR.fullmatch(line) for line in lines]
    numbered = [WITH_NUMBER.fullmatch(line) for line in lines]
    if lines and all(coloured):
        keys = [_colour(file, line, groups.groups()[1:4]) for line, groups in zip(lines, coloured, strict=True)]
        names = [groups[1] for groups in coloured]
    elif (
        lines
        and all(numbered)
        and [int(groups[1]) - int(numbered[0][1]) for groups in numbered] == [*range(len(lines))]
    ):
        keys, names = [int(groups[1]) for groups in numbered], [groups[2] for groups in numbered]
        if keys[0] == 1:
            keys, names = [0, *keys], [BACKGROUND, *names]
    else:
        keys, names = list(range(len(lines))), lines
    names = [class_name(name) for name in names]
    for what, ones in (("the class", names), ("the colour", keys)):
        twice = [one for one, count in Counter(ones).items() if count > 1]
        if twice:
            raise UserError(f"{file}: has {what} {twice[0]!r} twice; keep one of them")
    named = dict(zip(keys, names, strict=True))
    return Listed(file, dict(sorted(named.items(), key=lambda one: one[1] != BACKGROUND)))  # which comes first


def _colour(file: Member, line: str, digits: tuple[str, ...]) -> Colour:
    red, green, blue = (int(number) for number in digits)
    if max(red, green, blue) > 255:
        raise UserError(f"{file}: {line!r}: a colour's parts are from 0 to 255")
    return red, green, blue


def used_values(found: list[Pair], stop: bool = False) -> Used:
    """What the masks hold that can be read; with `stop`, as far as the first that is not of 0 and 255 alone.

    Raises:
        UserError: none of them can be read.
    """
    used, first_error = Used(), None
    bar = progress(len(found), "looking at masks")
    for pair in found:
        bar.update()
        try:
            counts = np.bincount(values(pair.annotation).ravel(), minlength=len(used.counts))
        except UserError as error:
            first_error = first_error or error
            continue  # told of when its mask is converted
        own = frozenset(np.flatnonzero(counts).tolist())
        counted = [value for value in own if value not in (IGNORED, IGNORED_OF_16_BITS)]
        if max(counted, default=0) > int(np.flatnonzero(used.counts[:IGNORED_OF_16_BITS]).max(initial=0)):
            used.largest = pair.annotation
        used.counts += counts
        used.of_masks.append(own)
        if stop and not (own <= {0, IGNORED} or own <= {0, IGNORED_OF_16_BITS}):
            break
    bar.close()
    if first_error is not None and not used.of_masks:
        raise first_error
    return used


def _above(threshold: int, foreground: list[str], listed: Listed | None) -> dict[Hashable, str]:
    name = _only(foreground, f"annotations.threshold = {threshold} makes two classes", listed)
    return {value: name if value >= threshold else BACKGROUND for value in range(256)}


def _only(foreground: list[str], why: str, listed: Listed | None) -> str:
    """The name of the one class that is not the background."""
    if len(foreground) > 1:
        where = str(listed.file) if listed is not None else "params.yaml: annotations.classes"
        raise UserError(f"{where}: names {len(foreground)} classes beside the background, but {why}; name one")
    return foreground[0] if foreground else "foreground"


def _by_number(used: Used) -> dict[Hashable, str]:
    """`class 1`, `class 2`, … up to the largest id, of masks whose values can be ids."""
    ids = used.values - {IGNORED, IGNORED_OF_16_BITS}
    largest = max(ids, default=0)
    if is_soft(np.trim_zeros(used.counts, "b")):
        raise UserError(f"{used.largest}: is one of masks that have {len(ids)} values up to {largest}; {SOFT}")
    if largest > LARGEST_ID:
        raise UserError(
            f"{used.largest}: has the value {largest}; ids are from 0 to {LARGEST_ID}, so number the classes anew, or "
            "name all of them in annotations.classes"
        )
    if largest > FEW_IDS and largest > MOST_GAPS * len(ids):
        raise UserError(
            f"{used.largest}: the masks have {len(ids)} values up to {largest}, which look like shades of grey and not "
            f"like class ids; give each in annotations.colours, such as {{crack: [{largest}, {largest}, {largest}]}}"
        )
    return dict(enumerate([BACKGROUND, *(f"class {number}" for number in range(1, largest + 1))]))


def _refuse_two_codings(used: Used) -> None:
    """Refuse masks of which some say 1 and others 255 of the foreground, which would then be ignored."""
    ones, whites = ([mask for mask in used.of_masks if value in mask] for value in (1, IGNORED))
    if used.values == {0, 1, IGNORED} and not any(IGNORED in mask for mask in ones):
        raise UserError(
            f"{used.largest}: is of 0 and 1, but {len(whites)} others are of 0 and {IGNORED}; save all in one way, or "
            "set annotations.threshold to 1, from which on a pixel is foreground"
        )
