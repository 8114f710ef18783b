"""Parameters of the evaluation."""

from typing import Literal

from pydantic import model_validator

from darkroom.common.parameters import Parameters


class Evaluation(Parameters):
    """How test images are shown to the model."""

    tta: Literal["none", "flip", "flip_shift"] = "none"
    """Test-time augmentation, for classification: flip adds mirrored images, flip_shift those shifted by a pixel too.
    The accuracy over the mean logits is `tta_accuracy`."""


class EvaluateParameters(Parameters):
    """All that the stage `evaluate` reads."""

    kind: str
    """The kind of task: a module of `darkroom.evaluation.kinds`."""
    bits: Literal["everywhere", "machine"] = "machine"
    """As of the training."""
    evaluate: Evaluation = Evaluation()
    """How test images are shown to the model."""

    @model_validator(mode="after")
    def _fit_the_kind(self) -> "EvaluateParameters":
        from darkroom.evaluation.kinds import evaluator_of  # which imports this module

        if self.evaluate.tta not in evaluator_of(self.kind).TTA:
            raise ValueError(f"evaluate.tta = {self.evaluate.tta} is not for {self.kind}; set it to none")
        return self
