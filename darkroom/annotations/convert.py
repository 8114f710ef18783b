"""Archives of images with annotations of any format to pairs of image and single-channel mask."""

import io
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image

from darkroom.annotations import labelme, png, trimap
from darkroom.annotations.pair import BACKGROUND, Classes, Pair
from darkroom.annotations.parameters import AnnotationParameters, MaskParameters
from darkroom.archives import Member, opened
from darkroom.common.errors import UserError
from darkroom.common.files import replacing, write_json
from darkroom.common.parallel import on_all_cores
from darkroom.common.parameters import nearest
from darkroom.datasets.decode import decode_bytes
from darkroom.datasets.description import SPLITS, ChannelStatistics, Description
from darkroom.datasets.pairs import image_folder, mask_path
from darkroom.datasets.splits import held_out

# By name, in the order in which `auto` tries them.
FORMATS: dict[str, ModuleType] = {"labelme": labelme, "trimap": trimap, "png": png}
KEPT_AS_THEY_ARE = {"JPEG": ".jpg", "PNG": ".png"}
MOST_CLASSES = 255
CHUNK = 8  # pairs handed to a worker at a time


@dataclass(frozen=True)
class Converted:
    """What one pair adds to the report.

    Attributes:
        pixels: by class id, int64 (256,).
        statistics: of the image's channels.
    """

    pixels: np.ndarray
    statistics: ChannelStatistics


def convert_annotations(parameters: MaskParameters, key: str, raw: Path, folder: Path, report: Path) -> None:
    """Write images and masks of the splits train, validation and test to `folder`, and a report of the classes.

    Splits that the source has are kept. Of one that has two, the second is the test split, and
    validation is held out of the first.

    Args:
        key: the task's key in params.yaml, for messages.

    Raises:
        UserError: annotations or images that do not fit each other or the parameters.
    """
    with opened(raw) as members:
        format_name, pairs = _pairs(parameters.annotations, members, raw)
        classes = _classes(parameters.annotations, key, FORMATS[format_name], pairs, members)
        _check_names(pairs)
        pairs = _with_splits(pairs, parameters, key)
        with replacing(folder) as temporary:
            for split in SPLITS:
                image_folder(temporary, split).mkdir(parents=True)
                mask_path(temporary, split, "any").parent.mkdir()
            convert = partial(_convert, format_name, classes, temporary)
            converted = list(on_all_cores(convert, pairs, "converting annotations", CHUNK))
            mean, std = ChannelStatistics.total(
                c.statistics for p, c in zip(pairs, converted, strict=True) if p.split == "train"
            ).mean_and_std()
            images = {split: sum(pair.split == split for pair in pairs) for split in SPLITS}
            Description("segmentation", classes.kept, mean, std, images).write(temporary)
            write_json(report, _report(pairs, converted, classes.kept, images))


def _pairs(parameters: AnnotationParameters, members: dict[str, Member], raw: Path) -> tuple[str, list[Pair]]:
    tried = list(FORMATS) if parameters.format == "auto" else [parameters.format]
    for name in tried:
        pairs = FORMATS[name].pairs(members)
        if pairs:
            return name, sorted(pairs, key=lambda pair: pair.annotation.name)
    raise UserError(f"{raw}: holds no images with annotations of the formats {', '.join(tried)}")


def _classes(
    parameters: AnnotationParameters, key: str, reader: ModuleType, pairs: list[Pair], members: dict[str, Member]
) -> Classes:
    names = [BACKGROUND, *parameters.classes] if parameters.classes else reader.class_names(pairs, members)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"{key}.annotations.classes: {twice[0]!r} is named twice (0 is always {BACKGROUND!r})")
    for name in parameters.ignore:
        if name not in names[1:]:
            raise UserError(
                f"params.yaml: {key}.annotations.ignore = {name!r}: no such class; {nearest(name, names[1:])}"
            )
    classes = Classes.numbered(names, parameters.ignore)
    if not 2 <= len(classes.kept) <= MOST_CLASSES:
        raise UserError(f"{key}: has {len(classes.kept)} classes with the background; masks hold 2 to {MOST_CLASSES}")
    return classes


def _with_splits(pairs: list[Pair], parameters: MaskParameters, key: str) -> list[Pair]:
    """The pairs, each in a split."""
    has = {pair.split for pair in pairs}
    splits = [pair.split or "train" for pair in pairs]
    if "test" not in has:
        splits = [{"validation": "test"}.get(split, split) for split in splits]
    for name, share in (("test", parameters.test), ("validation", parameters.validation)):
        if name in splits:
            continue
        train = [index for index, split in enumerate(splits) if split == "train"]
        _, chosen = held_out(np.zeros(len(train)), share, parameters.seed, name, f"{key}.{name}")
        for index in chosen:
            splits[train[index]] = name
    if "train" not in splits:
        raise UserError(f"{key}: has images for {' and '.join(sorted(set(splits)))}, but none to train on")
    return [replace(pair, split=split) for pair, split in zip(pairs, splits, strict=True)]


def _check_names(pairs: list[Pair]) -> None:
    seen: dict[tuple[str | None, str], Pair] = {}
    for pair in pairs:
        other = seen.setdefault((pair.split, pair.name), pair)
        if other is not pair:
            raise UserError(f"{pair.annotation}: has the same name as {other.annotation.name}; rename one")


def _convert(format_name: str, classes: Classes, folder: Path, pairs: list[Pair]) -> list[Converted]:
    """Write the images and the masks of some pairs."""
    return [_convert_pair(FORMATS[format_name], classes, folder, pair) for pair in pairs]


def _convert_pair(reader: ModuleType, classes: Classes, folder: Path, pair: Pair) -> Converted:
    content = reader.embedded_image(pair) if pair.image is None else pair.image.read()
    image = decode_bytes(content, str(pair.image or pair.annotation))
    mask = reader.mask(pair, classes, image.size)
    original = Image.open(io.BytesIO(content))
    target = image_folder(folder, pair.split) / pair.name
    if original.format in KEPT_AS_THEY_ARE and original.mode == "RGB" and not original.getexif():
        target.with_name(pair.name + KEPT_AS_THEY_ARE[original.format]).write_bytes(content)
    else:
        image.save(target.with_name(f"{pair.name}.png"))
    Image.fromarray(mask).save(mask_path(folder, pair.split, pair.name))
    statistics = ChannelStatistics()
    statistics.add(np.asarray(image))
    return Converted(np.bincount(mask.ravel(), minlength=256), statistics)


def _report(pairs: list[Pair], converted: list[Converted], names: list[str], images: dict[str, int]) -> dict:
    """Images and pixels of each class, and its share of all pixels that count, by split."""
    report: dict = {"images": images, "classes": [{"name": name, "splits": {}} for name in names]}
    for split in SPLITS:
        pixels = [c.pixels for p, c in zip(pairs, converted, strict=True) if p.split == split]
        table = np.array(pixels, np.int64).reshape(-1, 256)[:, : len(names)]
        total = max(1, int(table.sum()))
        for entry, column in zip(report["classes"], table.T, strict=True):
            entry["splits"][split] = {
                "images": int(np.count_nonzero(column)),
                "pixels": int(column.sum()),
                "share": round(float(column.sum()) / total, 6),
            }
    return report
