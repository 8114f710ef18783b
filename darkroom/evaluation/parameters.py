"""Parameters of the stage `evaluate`."""

from typing import Literal

from pydantic import model_validator

from darkroom.common.parameters import Parameters


class Evaluation(Parameters):
    """Options of the evaluation."""

    tta: Literal["none", "flip", "flip_shift"] = "none"
    """Test-time augmentation, for classification. flip averages the logits of each image and its mirror image.
    flip_shift also averages over shifts by one pixel. The metric `tta_accuracy` is the accuracy of the mean logits."""


class EvaluateParameters(Parameters):
    """All parameters of the stage `evaluate`."""

    kind: str
    """The kind of task: a module of `darkroom.evaluation.kinds`."""
    bits: Literal["everywhere", "machine"] = "machine"
    """everywhere: compute on the CPU, with the same bits on every x86-64 machine, as in training. machine: compute on
    the GPU if there is one."""
    evaluate: Evaluation = Evaluation()
    """Options of the evaluation."""

    @model_validator(mode="after")
    def _fit_the_kind(self) -> "EvaluateParameters":
        from darkroom.evaluation.kinds import evaluator_of  # which imports this module

        if self.evaluate.tta not in evaluator_of(self.kind).TTA:
            raise ValueError(f"evaluate.tta = {self.evaluate.tta} is not for {self.kind}; set it to none")
        return self
