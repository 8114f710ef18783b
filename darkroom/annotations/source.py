"""What a source of annotated images holds: its format, its pairs, its classes."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from types import ModuleType

from darkroom.annotations import coco, colour, labelme, png, trimap, voc
from darkroom.annotations.json_files import read_json_file
from darkroom.annotations.pair import BACKGROUND, Classes, Pair, Refuse, folded
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.parameters import nearest
from darkroom.datasets.split_folders import check_splits

# By name, in the order in which `auto` tries them. Each module says whether it `recognizes` a source, gives its
# `pairs` and its `classes`, of a pair the `mask` and the `stated_size` of its image, and in `EXIF` whether its tool
# shows images as they are `seen` or `stored`, None where that is not known.
FORMATS: dict[str, ModuleType] = {
    "coco": coco,
    "labelme": labelme,
    "trimap": trimap,
    "voc": voc,
    "png": png,
    "colour": colour,
}
WITH_THRESHOLD = ("png", "voc")  # grey masks
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
    if parameters.threshold is not None and name not in WITH_THRESHOLD:
        raise UserError(f"params.yaml: {key}.threshold = {parameters.threshold}: is for grey masks; {where} is {name}")
    pairs = sorted(FORMATS[name].pairs(members, parameters, refuse), key=lambda pair: (pair.annotation.name, pair.name))
    pairs = _named_once(_annotated_once(pairs, refuse))
    if not pairs:
        raise UserError(f"{where}: holds no images with annotations of the format {name}")
    check_splits([pair.annotation.name for pair in pairs], where)
    _refuse_half_split(pairs)
    return Source(name, pairs, _classes(parameters, name, pairs, members, key), refused)


def _format(parameters: AnnotationParameters, members: Mapping[str, Member], where: str) -> str:
    """The format asked for; with `auto` the one that fits, of several the one that finds the most pairs."""
    if parameters.colours is not None:
        return "colour"
    if parameters.format != "auto":
        return parameters.format
    fitting = [name for name, reader in FORMATS.items() if reader.recognizes(members)]
    if not fitting:
        file = next((member for name, member in members.items() if name.lower().endswith(".json")), None)
        stray = f"; {file.name} is of none of them" if file is not None and read_json_file(file) is not None else ""
        raise UserError(f"{where}: holds no images with annotations of the formats {', '.join(FORMATS)}{stray}")
    if len(fitting) == 1:
        return fitting[0]
    found = {name: _pairs_of(FORMATS[name], parameters, members) for name in fitting}
    most = [name for name in fitting if found[name] == max(found.values())]
    if found[most[0]] and len(most) > 1:
        raise UserError(
            f"{where}: may be of the formats {' and '.join(most)}; say which one: annotations.format, --format"
        )
    others = ", ".join(name for name in fitting if name != most[0] and found[name])
    if others:
        print(f"{where}: read as {most[0]}; it may also be {others}: annotations.format, --format", flush=True)
    return most[0]


def _pairs_of(reader: ModuleType, parameters: AnnotationParameters, members: Mapping[str, Member]) -> int:
    try:
        return len(reader.pairs(members, parameters, lambda _: None))
    except UserError:
        return 0


def _annotated_once(pairs: list[Pair], refuse: Refuse) -> list[Pair]:
    """The pairs without those whose image another one has already: it could be in two splits."""
    seen: dict[str, Pair] = {}
    kept = []
    for pair in pairs:
        other = seen.setdefault(pair.image.name, pair) if pair.image is not None else pair
        if other is pair:
            kept.append(pair)
        else:
            twice = "" if other.annotation == pair.annotation else f" and in {other.annotation.name}"
            refuse(f"{pair.annotation}: its image {pair.image.name} is annotated twice, here{twice}; keep one")
    return kept


def _named_once(pairs: list[Pair]) -> list[Pair]:
    """The pairs, those of equal names in one split with as many of their folders in front as it takes to differ.

    Names that differ in case alone are equal: on Windows and macOS their files would be one.
    """
    depth = Counter(dict.fromkeys(range(len(pairs)), 0))
    while True:
        names = [_with_folders(pair, depth[index]) for index, pair in enumerate(pairs)]
        same: dict[tuple[str | None, str], list[int]] = defaultdict(list)
        for index, (pair, name) in enumerate(zip(pairs, names, strict=True)):
            same[pair.split, folded(name)].append(index)
        clashes = [indices for indices in same.values() if len(indices) > 1]
        if not clashes:
            return [replace(pair, name=name) for pair, name in zip(pairs, names, strict=True)]
        for indices in clashes:
            deeper = [index for index in indices if depth[index] < len(_folders(pairs[index]))]
            if not deeper:
                one, other = (pairs[index].annotation for index in indices[:2])
                raise UserError(f"{one}: has the same name as {other.name} but for case or suffix; rename one")
            depth.update(deeper)


def _folders(pair: Pair) -> tuple[str, ...]:
    return PurePosixPath((pair.image or pair.annotation).name).parts[:-1]


def _with_folders(pair: Pair, depth: int) -> str:
    folders = _folders(pair)
    return "_".join([*folders[len(folders) - depth :], pair.name])


def _refuse_half_split(pairs: list[Pair]) -> None:
    """Refuse a source of which only a part is in splits: the rest would be taken for training images.

    Raises:
        UserError: it is.
    """
    inside = next((pair for pair in pairs if pair.split is not None), None)
    outside = next((pair for pair in pairs if pair.split is None), None)
    if inside is not None and outside is not None:
        raise UserError(
            f"{outside}: is in no split, but {inside.annotation.name} is in the {inside.split} split; put it into a "
            "folder train, val or test"
        )


def _classes(
    parameters: AnnotationParameters, name: str, pairs: list[Pair], members: Mapping[str, Member], key: str
) -> Classes:
    names = [BACKGROUND, *(parameters.classes or [])]
    twice = [one for one, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"{key}.classes: {twice[0]!r} is named twice (0 is always {BACKGROUND!r})")
    named = FORMATS[name].classes(pairs, members, parameters)
    known = list(dict.fromkeys(named.values()))
    for ignored in parameters.ignore:
        if ignored not in known[1:]:
            raise UserError(f"params.yaml: {key}.ignore = {ignored!r}: no such class; {nearest(ignored, known[1:])}")
    classes = Classes.numbered(named, parameters.ignore)
    if not 2 <= len(classes.names) <= MOST_CLASSES:
        raise UserError(f"{key}: has {len(classes.names)} classes with the background; masks hold 2 to {MOST_CLASSES}")
    return classes
