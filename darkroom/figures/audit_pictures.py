"""The pictures of findings of an audit. Workers import this module, so it needs no matplotlib."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from darkroom.audit.findings import Place
from darkroom.audit.table import Entry
from darkroom.common.parallel import on_all_cores
from darkroom.datasets.packed import read_split
from darkroom.datasets.pairs import image_paths, mask_path
from darkroom.figures.pages import encode
from darkroom.figures.thumbnails import CHUNK, METHOD, QUALITY, Thumbnail, make_thumbnails

SIDE = 320  # the longer side of a picture in pixels
LOSSLESS = 64  # pixels: smaller images lose what the page is for by compression
WITH_MASKS = ("mask_error", "boundary_error")  # kinds that are shown with the masks

Role = Literal["image", "other", "mask", "predicted"]


@dataclass(frozen=True)
class Picture:
    """A picture of a finding.

    Attributes:
        role: what it shows: the image, the image that it repeats, its mask or the predicted mask over it.
        width, height: in pixels.
        image: WebP in base64.
        mask: PNG in base64 that lies over the image; empty: none.
        shares: of the mask's pixels, by class id.
    """

    role: Role
    width: int
    height: int
    image: str
    mask: str = ""
    shares: dict[int, float] = field(default_factory=dict)


Pictures = list[list[Picture]]  # of each finding


def packed_pictures(data: Path, entries: list[Entry]) -> Pictures:
    """Return the pictures of findings in packed images."""
    images = {place.split: read_split(data, place.split)[0] for entry in entries for place in _places(entry).values()}
    return [
        [_encode(role, images[place.split][place.index]) for role, place in _places(entry).items()] for entry in entries
    ]


def pair_pictures(data: Path, predictions: dict[str, Path], colours: np.ndarray, entries: list[Entry]) -> Pictures:
    """Return the pictures of findings in images with masks.

    Args:
        data: the prepared data set.
        predictions: folders of predicted masks, by split.
        colours: of the classes by id, uint8 (n, 3).
        entries: the findings.
    """
    paths = {split: image_paths(data, split) for split in {p.split for e in entries for p in _places(e).values()}}
    wanted: list[tuple[Path, Path]] = []
    roles: list[list[Role]] = []
    for entry in entries:
        shown: list[tuple[Role, Path, Path]] = []
        for role, place in _places(entry).items():
            image = paths[place.split][place.index]
            shown.append((role, image, mask_path(data, place.split, image.stem)))
        if entry.finding.kind in WITH_MASKS:
            [(_, image, mask)] = shown
            predicted = predictions[entry.finding.place.split] / f"{image.stem}.png"
            shown.append(("mask", image, mask))
            if predicted.exists():
                shown.append(("predicted", image, predicted))
        roles.append([role for role, _, _ in shown])
        wanted += [(image, mask) for _, image, mask in shown]
    work = partial(make_thumbnails, SIDE, colours)
    drawn = iter(list(on_all_cores(work, wanted, "drawing the audit", CHUNK)) if wanted else [])
    return [[_of_thumbnail(role, next(drawn)) for role in of_entry] for of_entry in roles]


def _of_thumbnail(role: Role, thumbnail: Thumbnail) -> Picture:
    has_mask = role in ("mask", "predicted")
    return Picture(
        role, thumbnail.width, thumbnail.height, thumbnail.image,
        thumbnail.mask if has_mask else "", thumbnail.shares if has_mask else {},
    )  # fmt: skip


def _places(entry: Entry) -> dict[Role, Place]:
    finding = entry.finding
    if finding.kind == "corrupt":
        return {}
    places: dict[Role, Place] = {"image": finding.place}
    return places | ({"other": finding.other} if finding.other else {})


def _encode(role: Role, pixels: np.ndarray) -> Picture:
    image = Image.fromarray(pixels)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    small = max(image.size) <= LOSSLESS
    content = (
        encode(image, "WEBP", lossless=True, method=METHOD)
        if small
        else encode(image, "WEBP", quality=QUALITY, method=METHOD)
    )
    return Picture(role, *image.size, content)
