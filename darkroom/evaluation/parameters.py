"""Parameters of the stage `evaluate`."""

from typing import Literal

from pydantic import model_validator

from darkroom.common.parameters import Parameters


class Evaluation(Parameters):
    """Options of the evaluation."""

    tta: Literal["none", "flip", "flip_shift"] = "none"
    """Test-time augmentation, for classification. flip averages the logits of each image and its mirror image.
    flip_shift also averages over shifts by one pixel. The metric `tta_accuracy` is the accuracy of the mean logits."""
    corruptions: bool = False
    """Whether to try the model on corrupted test images, at five severities each. For classification: the fifteen
    corruptions of CIFAR-10-C and the metric `mean_corruption_error`. For segmentation: scale, blur, noise and JPEG, and
    the metric `corrupted_mean_iou`. Each corruption and severity takes up to twice the time of a plain evaluation."""
    attacks: bool = False
    """Whether to attack the model, for classification: by FGSM and PGD, on up to 1,000 test images. The metric
    `attack_accuracy` is the accuracy under PGD that changes each value by at most 2 of 255 grey levels."""


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

        evaluator = evaluator_of(self.kind)
        if self.evaluate.tta not in evaluator.TTA:
            raise ValueError(f"evaluate.tta = {self.evaluate.tta} is not for {self.kind}; set it to none")
        for name in ("corruptions", "attacks"):
            if getattr(self.evaluate, name) and name not in evaluator.ROBUSTNESS:
                raise ValueError(f"evaluate.{name} = true is not for {self.kind}; set it to false")
        return self
