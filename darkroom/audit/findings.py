"""What an audit finds: one finding for each suspicious image, or for each pair of images that are too alike."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "exact_duplicate", "near_duplicate", "label_error", "mask_error", "boundary_error", "outlier", "blank", "corrupt",
    "tiny", "odd_size",
]  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where an image is: its split, and its index in the order of `read_split` or `image_paths`."""

    split: str
    index: int


@dataclass(frozen=True)
class Finding:
    """One thing that looks wrong.

    Attributes:
        kind: what it is.
        place: the image. Of a pair of duplicates, the one that should go: a training image rather than one of the
            validation or test split, and the later one within a split.
        score: how sure the finding is; findings of one kind are sorted by it, the highest first.
        other: of a duplicate, the image that it repeats.
        note: what a person has to know besides, such as the suggested class, or `mirrored`; it may be empty.
    """

    kind: Kind
    place: Place
    score: float
    other: Place | None = None
    note: str = ""
