"""Reading a source of annotated images: its format, its pairs, its classes."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.format_names import format_names
from darkroom.annotations.formats._base import AnnotationFormat, Members, Refuse, load_format, load_formats
from darkroom.annotations.pair import BACKGROUND, IMAGE_SUFFIXES, Classes, Pair, folded
from darkroom.annotations.parameters import AUTO, AnnotationParameters
from darkroom.annotations.source_files import SourceFiles
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.parameters import nearest
from darkroom.common.platform import can_name_file
from darkroom.datasets.split_folders import check_splits

MOST_CLASSES = 255  # the id 255 is ignore_index


@dataclass(frozen=True)
class Source:
    """Annotated images.

    Attributes:
        format: name of the annotation format.
        pairs: sorted by the names of the annotation files.
        classes: the classes and their ids.
        refused: for each annotation that is missing from `pairs`, why it cannot be used or that it was left out.
    """

    format: str
    pairs: list[Pair]
    classes: Classes
    refused: list[str]


def read_source(parameters: AnnotationParameters, files: Mapping[str, Member], key: str, where: str) -> Source:
    """Find the pairs and classes in the files of a source.

    Args:
        parameters: how annotations are read.
        files: the files of the source by their paths.
        key: the key of the parameters in params.yaml, for messages.
        where: the path of the source, for messages.

    Raises:
        UserError: there are no annotations, they cannot be used, or the parameters do not fit them.
    """
    refused: list[str] = []

    def refuse(reason: str) -> None:
        if not parameters.skip_bad:
            raise UserError(reason)
        refused.append(reason)

    members = SourceFiles(files, parameters.format)
    annotation_format = _choose_format(parameters, members, where)
    try:
        annotation_format.check_parameters(parameters)
    except ValueError as error:
        raise UserError(
            f"params.yaml: {key}: {error}; the annotations in {where} are {annotation_format.name}"
        ) from None
    pairs = annotation_format.find_pairs(members, parameters, refuse)
    pairs = sorted(pairs, key=lambda pair: (pair.annotation.name, pair.name))
    pairs = make_names_unique(_drop_repeated_images(pairs, refuse))
    pairs, left_out = _leave_out(pairs, parameters.leave_out, key)
    pairs = _drop_unwritable(pairs, refuse)
    if not pairs:
        raise UserError(f"{where}: holds no images with annotations of the format {annotation_format.name}")
    check_splits([pair.annotation.name for pair in pairs], where)
    _check_all_or_none_in_splits(pairs)
    classes = _number_classes(parameters, annotation_format, pairs, members, key)
    return Source(annotation_format.name, pairs, classes, [*refused, *left_out])


def _choose_format(parameters: AnnotationParameters, members: Members, where: str) -> AnnotationFormat:
    """Return the format of the parameters, or with `auto` the recognized format that finds the most pairs.

    Formats that use the options in the parameters take precedence.
    """
    if parameters.format != AUTO:
        return load_format(parameters.format)
    recognized = [one for one in load_formats() if one.recognizes(members, parameters)]
    if not recognized:
        file = next((member for name, member in members.items() if name.lower().endswith(".json")), None)
        hint = f"; {file.name} is of none of them" if file is not None and AnnotationFile(file).json is not None else ""
        raise UserError(f"{where}: holds no images with annotations of the formats {', '.join(format_names())}{hint}")
    options = parameters.format_options()
    candidates = [one for one in recognized if one.OPTIONS.issuperset(options)] or recognized
    if len(candidates) == 1:
        return candidates[0]
    counts = [_count_pairs(one, parameters, members) for one in candidates]
    best = [one for one, count in zip(candidates, counts, strict=True) if count == max(counts)]
    best = [one for one in best if one.IS_PUBLISHED] or best
    if max(counts) and len(best) > 1:
        names = " and ".join(one.name for one in best)
        raise UserError(f"{where}: may be of the formats {names}; choose one by annotations.format or --format")
    others = [one.name for one, count in zip(candidates, counts, strict=True) if one is not best[0] and count]
    if others:
        print(
            f"{where}: read as {best[0].name}; it may also be {', '.join(others)}: set annotations.format or --format",
            flush=True,
        )
    return best[0]


def _count_pairs(annotation_format: AnnotationFormat, parameters: AnnotationParameters, members: Members) -> int:
    try:
        return len(annotation_format.find_pairs(members, parameters, lambda _: None))
    except UserError:
        return 0


def _drop_repeated_images(pairs: list[Pair], refuse: Refuse) -> list[Pair]:
    """Return the pairs without those whose image an earlier pair has: an image could get into two splits."""
    first_by_image: dict[tuple[str, int | None], Pair] = {}
    kept = []
    for pair in pairs:
        first = first_by_image.setdefault((pair.image.name, pair.page), pair) if pair.image is not None else pair
        if first is pair or pair.image is None:
            kept.append(pair)
        else:
            other = "" if first.annotation == pair.annotation else f" and in {first.annotation.name}"
            refuse(f"{pair.annotation}: its image {pair.image.name} is annotated twice, here{other}; keep one")
    return kept


def make_names_unique(pairs: list[Pair], across_splits: bool = False) -> list[Pair]:
    """Return the pairs with names that differ within each split, or `across_splits`.

    Equal names get as many of their folders in front as it takes. Names that differ only in letter case count as equal:
    on Windows and macOS they would be one file.
    """
    depth = Counter(dict.fromkeys(range(len(pairs)), 0))
    while True:
        names = [_name_with_folders(pair, depth[index]) for index, pair in enumerate(pairs)]
        indices_by_name: dict[tuple[str | None, str], list[int]] = defaultdict(list)
        for index, (pair, name) in enumerate(zip(pairs, names, strict=True)):
            indices_by_name[None if across_splits else pair.split, folded(name)].append(index)
        clashes = [indices for indices in indices_by_name.values() if len(indices) > 1]
        if not clashes:
            return [replace(pair, name=name) for pair, name in zip(pairs, names, strict=True)]
        for indices in clashes:
            deeper = [index for index in indices if depth[index] < len(_folders(pairs[index]))]
            if not deeper:
                one, other = (pairs[index].annotation for index in indices[:2])
                raise UserError(f"{one}: has the same name as {other.name} but for case or suffix; rename one")
            depth.update(deeper)


def _leave_out(pairs: list[Pair], names: list[str], key: str) -> tuple[list[Pair], list[str]]:
    """Return the pairs without those of `annotations.leave_out`, and a line on each that is left out.

    Raises:
        UserError: a name is of no pair, or no pair is left.
    """
    keys = {folded(pair.key): pair.key for pair in pairs}
    for name in names:
        if folded(name) not in keys:
            hint = nearest(_without_suffix(name), list(keys.values()))
            raise UserError(f"params.yaml: {key}.leave_out = {name!r}: no image has this name; {hint}")
    chosen = {folded(name) for name in names}
    kept = [pair for pair in pairs if folded(pair.key) not in chosen]
    if pairs and not kept:
        raise UserError(f"params.yaml: {key}.leave_out: names all {len(pairs)} images; keep some")
    return kept, [f"{pair}: named in annotations.leave_out" for pair in pairs if folded(pair.key) in chosen]


def _without_suffix(name: str) -> str:
    return name.rpartition(".")[0] if name.lower().endswith((*IMAGE_SUFFIXES, ".json", ".txt", ".xml")) else name


def _drop_unwritable(pairs: list[Pair], refuse: Refuse) -> list[Pair]:
    """Return the pairs without those whose mask this system could not write."""
    kept = []
    for pair in pairs:
        if can_name_file(f"{pair.name}.png"):
            kept.append(pair)
        else:
            refuse(f"{pair.annotation}: Windows can have no file called {pair.name}.png; rename the image")
    return kept


def _folders(pair: Pair) -> tuple[str, ...]:
    return PurePosixPath((pair.image or pair.annotation).name).parts[:-1]


def _name_with_folders(pair: Pair, depth: int) -> str:
    """Return a pair's name with the last `depth` folders of its path in front."""
    folders = _folders(pair)
    return "_".join([*folders[len(folders) - depth :], pair.name])


def _check_all_or_none_in_splits(pairs: list[Pair]) -> None:
    """Check that all pairs are in splits or none is: pairs without a split would become training images.

    Raises:
        UserError: some are and some are not.
    """
    inside = next((pair for pair in pairs if pair.split is not None), None)
    outside = next((pair for pair in pairs if pair.split is None), None)
    if inside is not None and outside is not None:
        raise UserError(
            f"{outside}: is in no split, but {inside.annotation.name} is in the {inside.split} split; put it into a "
            "folder train, val or test"
        )


def _number_classes(
    parameters: AnnotationParameters, annotation_format: AnnotationFormat, pairs: list[Pair], members: Members, key: str
) -> Classes:
    """Return the classes of the source with their ids.

    Raises:
        UserError: a name is given twice or is of no class, or there are too few or too many classes.
    """
    given = [BACKGROUND, *(parameters.classes or [])]
    twice = [name for name, count in Counter(given).items() if count > 1]
    if twice:
        raise UserError(f"{key}.classes: {twice[0]!r} is named twice (0 is always {BACKGROUND!r})")
    names_by_key = annotation_format.name_classes(pairs, members, parameters)
    foreground = [name for name in dict.fromkeys(names_by_key.values()) if name != BACKGROUND]
    for ignored in parameters.ignore:
        if ignored not in foreground:
            raise UserError(f"params.yaml: {key}.ignore = {ignored!r}: no such class; {nearest(ignored, foreground)}")
    classes = Classes.numbered(names_by_key, parameters.ignore)
    if not 2 <= len(classes.names) <= MOST_CLASSES:
        raise UserError(f"{key}: has {len(classes.names)} classes with the background; masks hold 2 to {MOST_CLASSES}")
    return classes
