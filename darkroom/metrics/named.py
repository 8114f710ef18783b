"""The metrics of each kind of task."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from darkroom.losses.cross_entropy import cross_entropy
from darkroom.losses.squared_error import squared_error
from darkroom.metrics.classes import Tally
from darkroom.metrics.numbers import ErrorTally


@dataclass(frozen=True)
class Metrics:
    """How the answers of a kind of task are measured.

    Attributes:
        loss: reported for every split, whatever training minimizes.
        tally: counts batches.
    """

    loss: Callable[..., Tensor]
    tally: type[Tally] | type[ErrorTally]


METRICS = {
    "classification": Metrics(cross_entropy, Tally),
    "segmentation": Metrics(cross_entropy, Tally),
    "points": Metrics(cross_entropy, Tally),
    "regression": Metrics(squared_error, ErrorTally),
}
