"""What a prepared data set says of itself, in `dataset.json` beside its data."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from darkroom.common.files import read_json, write_json

SPLITS = ("train", "validation", "test")
SCORES = {"classification": "accuracy", "segmentation": "mean_iou", "points": "accuracy", "regression": "r2"}


def outputs_of(kind: str, classes: list[str]) -> int:
    """How many numbers a model of that kind gives for an image, a pixel or a point."""
    return 1 if kind == "regression" else len(classes)


@dataclass(frozen=True)
class Description:
    """A prepared data set.

    Attributes:
        kind: what its targets are: one class an image, one class a pixel, one class a point, or a number.
        classes: names by class id; of a segmentation, 0 is the background; of a regression, ranges of its numbers.
        mean, std: of each channel of the training images, as shares of full scale (0 to 1), or of each feature of the
            training points.
        images: how many, or how many points, each split holds.
        target_mean, target_std: of a regression's training targets.
        image_size: (height, width) where all images have the same, in pixels.
    """

    kind: Literal["classification", "segmentation", "points", "regression"]
    classes: list[str]
    mean: list[float]
    std: list[float]
    images: dict[str, int]
    image_size: list[int] | None = None
    target_mean: float = 0.0
    target_std: float = 1.0

    @property
    def score(self) -> str:
        """The figure that tells the best epoch."""
        return SCORES[self.kind]

    @property
    def outputs(self) -> int:
        """How many numbers a model gives for an image, a pixel or a point."""
        return outputs_of(self.kind, self.classes)

    def write(self, folder: Path) -> None:
        write_json(folder / "dataset.json", asdict(self))

    @classmethod
    def read(cls, folder: Path) -> "Description":
        return cls(**read_json(folder / "dataset.json"))
