"""Parameters of the evaluation."""

from typing import Literal

from pydantic import model_validator

from darkroom.common.parameters import Parameters


class Evaluation(Parameters):
    """How test images are shown to the model."""

    tta: Literal["none", "flip", "flip_shift"] = "none"
    """Test-time augmentation, reported besides the plain result: `flip` averages each image and its mirror image,
    `flip_shift` also those shifted by a pixel."""


class EvaluateParameters(Parameters):
    """All that the stage `evaluate` reads."""

    kind: Literal["classification", "segmentation", "points", "regression"]
    """The kind of task, which follows from `prepare`."""
    bits: Literal["everywhere", "machine"] = "machine"
    """The same as in training."""
    evaluate: Evaluation = Evaluation()
    """How the model is evaluated."""

    @model_validator(mode="after")
    def _fit_each_other(self) -> "EvaluateParameters":
        if self.kind != "classification" and self.evaluate.tta != "none":
            raise ValueError(f"evaluate.tta = {self.evaluate.tta} is for classification; set it to none")
        return self
