"""The base class of losses."""

from abc import abstractmethod
from typing import Any, ClassVar

from pydantic import Field, model_validator
from torch import Tensor

from darkroom.common.parameters import Parameters


class Loss(Parameters):
    """A term of the sum that training minimizes. The fields of a subclass are its options.

    In params.yaml a plain number is the weight: `dice: 0.5` means `dice: {weight: 0.5}`.

    Attributes:
        KINDS: kinds of tasks that the loss is for.
        TAKES_PROBABILITIES: whether targets may be class probabilities, as Mixup and CutMix return them.
    """

    KINDS: ClassVar[tuple[str, ...]]
    TAKES_PROBABILITIES: ClassVar[bool] = False

    weight: float = Field(default=1.0, gt=0)
    """Factor of this loss in the sum of all losses."""

    @model_validator(mode="before")
    @classmethod
    def _expand_weight(cls, values: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        is_number = isinstance(values, int | float) and not isinstance(values, bool)
        return {"weight": float(values)} if is_number else values

    @abstractmethod
    def compute(self, outputs: Tensor, targets: Tensor, label_smoothing: float, class_weights: Tensor | None) -> Tensor:
        """Compute the mean loss of a batch, a float32 scalar, without the factor `weight`.

        Args:
            outputs: logits (b, classes) or (b, classes, h, w), or predicted numbers (b, 1).
            targets: class ids, int64 (b,) or (b, h, w), in which `IGNORE_INDEX` marks ignored pixels; or numbers,
                float (b, 1).
            label_smoothing: `train.label_smoothing`.
            class_weights: float (classes,). None: all classes weigh the same.
        """
