"""What a prepared data set says of itself, in `dataset.json` beside its data."""

from dataclasses import asdict, dataclass
from pathlib import Path

from darkroom.common.files import read_json, write_json
from darkroom.datasets.kinds import kind_of

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Description:
    """A prepared data set.

    Attributes:
        kind: the kind of task that it is for: a module of `darkroom.datasets.kinds`.
        classes: names by class id; of a segmentation, 0 is the background; of a regression, ranges of its numbers.
        mean, std: of each channel of the training images, as shares of full scale (0 to 1), or of each feature of the
            training points.
        images: how many, or how many points, each split holds.
        target_mean, target_std: of a regression's training targets.
        image_size: (height, width) where all images have the same, in pixels.
    """

    kind: str
    classes: list[str]
    mean: list[float]
    std: list[float]
    images: dict[str, int]
    image_size: list[int] | None = None
    target_mean: float = 0.0
    target_std: float = 1.0

    @property
    def score(self) -> str:
        """The metric that tells the best epoch."""
        return kind_of(self.kind).SCORE

    @property
    def outputs(self) -> int:
        """How many numbers a model gives for each image, pixel or point."""
        return kind_of(self.kind).count_outputs(self.classes)

    @property
    def size(self) -> tuple[int, ...]:
        """(height, width) of all images in pixels.

        Raises:
            ValueError: the images have sizes of their own.
        """
        if self.image_size is None:
            raise ValueError("the images have no common size")
        return tuple(self.image_size)

    def write(self, folder: Path) -> None:
        """Write `dataset.json` to the folder of the prepared data set."""
        write_json(folder / "dataset.json", asdict(self))

    @classmethod
    def read(cls, folder: Path) -> "Description":
        """Read `dataset.json` in the folder of the prepared data set."""
        return cls(**read_json(folder / "dataset.json"))
