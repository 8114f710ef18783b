"""Converting archives of annotated images to a prepared data set of images and single-channel masks."""

from pathlib import Path

import numpy as np

from darkroom.annotations.draw import DrawnMask, MaskJob, draw_masks
from darkroom.annotations.pair import Pair
from darkroom.annotations.parameters import MaskParameters
from darkroom.annotations.report import list_left_out, mask_report
from darkroom.annotations.source import read_source
from darkroom.archives.index import open_archives
from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.datasets.channel_statistics import ChannelStatistics
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.pairs import image_folder, mask_path
from darkroom.datasets.report import write_report
from darkroom.datasets.splits import hold_out


def convert_annotations(parameters: MaskParameters, key: str, raw: Path, folder: Path) -> None:
    """Write images and masks of the splits train, validation and test, and a report of the classes.

    The splits of the source are kept. Of a source with two splits, the second is the test split, and the validation
    split is held out of the first.

    Args:
        parameters: how annotations are read and how much is held out.
        key: the task's key in params.yaml, for messages.
        raw: folder of the archives.
        folder: folder to write; it appears once it is complete.

    Raises:
        UserError: annotations or images do not fit each other or the parameters.
    """
    with open_archives(raw, parameters.encoding) as members:
        source = read_source(parameters.annotations, members, f"{key}.annotations", str(raw))
        splits = _choose_splits(source.pairs, parameters, key)
        with replacing(folder) as temporary:
            for split in SPLITS:
                image_folder(temporary, split).mkdir(parents=True)
                mask_path(temporary, split, "any").parent.mkdir()
            jobs = [
                MaskJob(pair, mask_path(temporary, split, pair.name), image_folder(temporary, split))
                for pair, split in zip(source.pairs, splits, strict=True)
            ]
            drawn = draw_masks(source, jobs, parameters.annotations)
            by_split = {
                name: [one for split, one in zip(splits, drawn, strict=True) if split == name and not one.error]
                for name in SPLITS
            }
            if not by_split["train"]:
                raise UserError(f"{key}: has no image to train on that can be used")
            _describe(by_split, source.classes.names).write(temporary)
            left_out = [*source.refused, *list_left_out(drawn)]
            write_report(temporary, mask_report(by_split, source.classes.names, left_out))


def _describe(splits: dict[str, list[DrawnMask]], names: list[str]) -> Description:
    mean, std = ChannelStatistics.total(one.statistics for one in splits["train"]).mean_and_std()
    return Description("segmentation", names, mean, std, {split: len(drawn) for split, drawn in splits.items()})


def _choose_splits(pairs: list[Pair], parameters: MaskParameters, key: str) -> list[str]:
    """Return the split of each pair.

    Raises:
        UserError: no image is left to train or to test on.
    """
    in_source = {pair.split for pair in pairs}
    splits = [pair.split or "train" for pair in pairs]
    if "test" not in in_source:
        splits = ["test" if split == "validation" else split for split in splits]
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
    return splits
