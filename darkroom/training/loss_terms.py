"""The section `train.loss` of the parameters: losses by name, and their weighted sum."""

from typing import TYPE_CHECKING, Any

from pydantic import SerializerFunctionWrapHandler, create_model, model_serializer, model_validator
from torch import Tensor

import darkroom.losses
from darkroom.common.named import classes_in
from darkroom.common.parameters import Parameters
from darkroom.losses._base import Loss


class LossTerms(Parameters):
    """One or more losses. The subclass `Losses` has a field for each module of `darkroom.losses`, None if not given."""

    @property
    def terms(self) -> dict[str, Loss]:
        """The losses that are given, by name."""
        return {name: value for name, value in self if value is not None}

    def compute(
        self, outputs: Tensor, targets: Tensor, label_smoothing: float, class_weights: Tensor | None = None
    ) -> Tensor:
        """Return the sum of the losses, each times its weight. The arguments are those of `Loss.compute`."""
        terms = [
            loss.weight * loss.compute(outputs, targets, label_smoothing, class_weights) for loss in self.terms.values()
        ]
        return sum(terms[1:], terms[0])

    @model_validator(mode="after")
    def _is_not_empty(self) -> "LossTerms":
        if not self.terms:
            raise ValueError(f"names no loss; take {' or '.join(type(self).model_fields)}")
        return self

    @model_serializer(mode="wrap")
    def _leave_out_absent(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}


if TYPE_CHECKING:
    Losses = LossTerms
else:
    fields = {name: (loss | None, None) for name, loss in classes_in(darkroom.losses.__name__, Loss).items()}
    Losses = create_model("Losses", __base__=LossTerms, **fields)
