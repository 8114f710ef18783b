"""What every room needs to know of a kind of task. Each module here is a kind and has what `Kind` lists."""

from typing import Protocol, cast

from darkroom.common.named import module_named


class Kind(Protocol):
    """A kind of task.

    Attributes:
        SCORE: the metric that tells the best epoch; higher is better.
        UNIT: what a data set consists of, in the plural.
        HUB_TASK: the name of such tasks on the Hugging Face hub.
        LEAVE_OUT: the parameter of a task that names images to leave out; None: there are no images.
    """

    SCORE: str
    UNIT: str
    HUB_TASK: str
    LEAVE_OUT: str | None

    def count_outputs(self, classes: list[str]) -> int:
        """Return how many numbers a model gives for each image, pixel or point."""


def kind_of(name: str) -> Kind:
    """Return the kind of this name."""
    return cast(Kind, module_named(__name__, name))
