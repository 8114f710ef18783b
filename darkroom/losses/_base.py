"""What all losses have in common."""

from abc import abstractmethod
from typing import Any, ClassVar

from pydantic import Field, model_validator
from torch import Tensor

from darkroom.common.parameters import Parameters


class Loss(Parameters):
    """A term of what training minimizes. A subclass has the loss's options as fields.

    In params.yaml a number alone is the weight: `dice: 0.5` is `dice: {weight: 0.5}`.
    """

    KINDS: ClassVar[tuple[str, ...]]  # of tasks that it can be used for
    TAKES_PROBABILITIES: ClassVar[bool] = False  # as targets, which Mixup and CutMix make of class ids

    weight: float = Field(default=1.0, gt=0)
    """Factor of this loss in the sum of all losses."""

    @model_validator(mode="before")
    @classmethod
    def _expand_weight(cls, values: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        is_number = isinstance(values, int | float) and not isinstance(values, bool)
        return {"weight": float(values)} if is_number else values

    @abstractmethod
    def compute(self, outputs: Tensor, targets: Tensor, label_smoothing: float, class_weights: Tensor | None) -> Tensor:
        """Compute the mean loss of a batch, float32, without the factor `weight`.

        Args:
            outputs: logits (b, classes) or (b, classes, h, w), or numbers (b, 1).
            targets: class ids int64 (b,) or (b, h, w) with `IGNORE_INDEX` where nothing counts, or numbers (b, 1).
            label_smoothing: `train.label_smoothing`.
            class_weights: float (classes,), or None where all weigh the same.
        """
