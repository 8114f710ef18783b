"""Archives of images with annotations of any format to pairs of image and single-channel mask."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from darkroom.annotations.draw import Drawn, Order, draw_masks
from darkroom.annotations.pair import Pair
from darkroom.annotations.parameters import MaskParameters
from darkroom.annotations.report import left_out, mask_report
from darkroom.annotations.source import read_source
from darkroom.archives.index import open_archives
from darkroom.common.errors import UserError
from darkroom.common.files import replacing, write_json
from darkroom.datasets.channel_statistics import ChannelStatistics
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.pairs import image_folder, mask_path
from darkroom.datasets.splits import hold_out


def convert_annotations(parameters: MaskParameters, key: str, raw: Path, folder: Path, report: Path) -> None:
    """Write images and masks of the splits train, validation and test to `folder`, and a report of the classes.

    Splits that the source has are kept. Of one that has two, the second is the test split, and
    validation is held out of the first.

    Args:
        key: the task's key in params.yaml, for messages.

    Raises:
        UserError: annotations or images that do not fit each other or the parameters.
    """
    with open_archives(raw, parameters.encoding) as members:
        source = read_source(parameters.annotations, members, f"{key}.annotations", str(raw))
        pairs = _with_splits(source.pairs, parameters, key)
        with replacing(folder) as temporary:
            for split in SPLITS:
                image_folder(temporary, split).mkdir(parents=True)
                mask_path(temporary, split, "any").parent.mkdir()
            orders = [
                Order(pair, mask_path(temporary, pair.split, pair.name), image_folder(temporary, pair.split))
                for pair in pairs
            ]
            drawn = draw_masks(source, orders, parameters.annotations)
            splits = {
                split: [one for pair, one in zip(pairs, drawn, strict=True) if pair.split == split and not one.error]
                for split in SPLITS
            }
            if not splits["train"]:
                raise UserError(f"{key}: has no image to train on that can be used")
            _describe(splits, source.classes.names).write(temporary)
            write_json(report, mask_report(splits, source.classes.names, [*source.refused, *left_out(drawn)]))


def _describe(splits: dict[str, list[Drawn]], names: list[str]) -> Description:
    mean, std = ChannelStatistics.total(one.statistics for one in splits["train"]).mean_and_std()
    return Description("segmentation", names, mean, std, {split: len(drawn) for split, drawn in splits.items()})


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
        _, chosen = hold_out(np.zeros(len(train)), share, parameters.seed, name, f"{key}.{name}", ["image"])
        for index in chosen:
            splits[train[index]] = name
    if "test" not in splits:
        raise UserError(f"params.yaml: {key}.test = {parameters.test}: leaves no image to test on; hold out more")
    if "train" not in splits:
        raise UserError(f"{key}: has images for {' and '.join(sorted(set(splits)))}, but none to train on")
    return [replace(pair, split=split) for pair, split in zip(pairs, splits, strict=True)]
