"""What a source of annotated images holds: its format, its pairs, its classes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

from darkroom.annotations import coco, colour, labelme, png, trimap, voc
from darkroom.annotations.pair import BACKGROUND, Classes, Pair, Refuse
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.parameters import nearest

# By name, in the order in which `auto` tries them. Each module says whether it `recognizes` a source, and gives its
# `pairs`, its `classes` and the `mask` of a pair.
FORMATS: dict[str, ModuleType] = {
    "coco": coco,
    "labelme": labelme,
    "trimap": trimap,
    "voc": voc,
    "png": png,
    "colour": colour,
}
MOST_CLASSES = 255


@dataclass(frozen=True)
class Source:
    """Annotated images.

    Attributes:
        format: a key of `FORMATS`.
        pairs: sorted by the annotations' names.
        refused: why what is missing from `pairs` cannot be used.
    """

    format: str
    pairs: list[Pair]
    classes: Classes
    refused: list[str]


def read_source(parameters: AnnotationParameters, members: Mapping[str, Member], key: str, where: str) -> Source:
    """Look through the files of a source.

    Args:
        key: that the parameters stand under, for messages.
        where: the files come from, for messages.

    Raises:
        UserError: no or unusable annotations, or parameters that do not fit them.
    """
    refused: list[str] = []

    def refuse(message: str) -> None:
        if not parameters.skip_bad:
            raise UserError(message)
        refused.append(message)

    name = _format(parameters, members, where)
    pairs = sorted(FORMATS[name].pairs(members, parameters, refuse), key=lambda pair: (pair.annotation.name, pair.name))
    pairs = _named_once(pairs, refuse)
    if not pairs:
        raise UserError(f"{where}: holds no images with annotations of the format {name}")
    return Source(name, pairs, _classes(parameters, name, pairs, members, key), refused)


def _format(parameters: AnnotationParameters, members: Mapping[str, Member], where: str) -> str:
    if parameters.colours is not None:
        return "colour"
    if parameters.format != "auto":
        return parameters.format
    recognized = [name for name, reader in FORMATS.items() if reader.recognizes(members)]
    if not recognized:
        raise UserError(f"{where}: holds no images with annotations of the formats {', '.join(FORMATS)}")
    return recognized[0]


def _named_once(pairs: list[Pair], refuse: Refuse) -> list[Pair]:
    seen: dict[tuple[str | None, str], Pair] = {}
    for pair in pairs:
        other = seen.setdefault((pair.split, pair.name), pair)
        if other is not pair:
            refuse(f"{pair.annotation}: has the same name as {other.annotation.name}; rename one")
    return list(seen.values())


def _classes(
    parameters: AnnotationParameters, name: str, pairs: list[Pair], members: Mapping[str, Member], key: str
) -> Classes:
    named = FORMATS[name].classes(pairs, members, parameters)
    names = [BACKGROUND, *(parameters.classes or [])]
    twice = [one for one, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"{key}.classes: {twice[0]!r} is named twice (0 is always {BACKGROUND!r})")
    known = list(dict.fromkeys(named.values()))
    for ignored in parameters.ignore:
        if ignored not in known[1:]:
            raise UserError(f"params.yaml: {key}.ignore = {ignored!r}: no such class; {nearest(ignored, known[1:])}")
    classes = Classes.numbered(named, parameters.ignore)
    if not 2 <= len(classes.names) <= MOST_CLASSES:
        raise UserError(f"{key}: has {len(classes.names)} classes with the background; masks hold 2 to {MOST_CLASSES}")
    return classes
