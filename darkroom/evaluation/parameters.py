"""Parameters of the evaluation."""

from typing import Literal

from pydantic import model_validator

from darkroom.common.parameters import Parameters


class Evaluation(Parameters):
    """How test images are shown to the model."""

    tta: Literal["none", "flip", "flip_shift"] = "none"  # besides as they are: mirrored, and shifted by a pixel too


class EvaluateParameters(Parameters):
    """All that the stage `evaluate` reads."""

    kind: Literal["classification", "segmentation", "points", "regression"]
    bits: Literal["everywhere", "machine"] = "machine"  # as of the training
    evaluate: Evaluation = Evaluation()

    @model_validator(mode="after")
    def _fit_each_other(self) -> "EvaluateParameters":
        if self.kind != "classification" and self.evaluate.tta != "none":
            raise ValueError(f"evaluate.tta = {self.evaluate.tta} is for classification; set it to none")
        return self
