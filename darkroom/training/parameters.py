"""Parameters of the training loop."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from darkroom.batches.parameters import ImageAugmentation, PairAugmentation
from darkroom.common.files import read_json
from darkroom.common.parameters import CONFIG, Parameters, read_parameters
from darkroom.models.parameters import ClassifierParameters, PointModelParameters, SegmenterParameters

Share = Annotated[float, Field(gt=0, lt=1)]
LossName = Literal["cross_entropy", "focal", "dice", "tversky", "squared_error"]


class TrainParameters(Parameters):
    """How a model is trained, whatever the task."""

    epochs: int = Field(ge=1)
    pretrain_epochs: int = Field(default=0, ge=0)  # of supervised contrastive training before, of images of one class
    temperature: float = Field(default=0.1, gt=0)  # of the contrastive loss
    batch_size: int = Field(ge=2)  # batch normalization needs two
    accumulate: int = Field(default=1, ge=1)  # batches to a step
    optimizer: Literal["sgd", "adamw", "muon"]
    lr: float = Field(gt=0)  # at the end of the warm-up
    momentum: float = Field(ge=0, lt=1)  # Nesterov's, of sgd and muon
    weight_decay: float = Field(ge=0)  # of weights; biases and normalizations have none
    clip_norm: float | None = Field(default=None, gt=0)  # of all gradients together
    schedule: Literal["cosine", "triangular", "multi_step", "constant"] = "cosine"
    warmup_epochs: float = Field(ge=0)  # of linear increase
    milestones: list[Share] = [0.5, 0.75]  # of multi_step: after which shares of the epochs
    gamma: float = Field(default=0.1, gt=0, lt=1)  # and by what the rate is multiplied there
    loss: dict[LossName, Annotated[float, Field(gt=0)]] = Field(min_length=1)  # weights in a sum
    label_smoothing: float = Field(ge=0, lt=1)  # of the cross-entropy
    # Of cross_entropy and focal; a list has a weight for each class, by id.
    class_weights: Literal["none", "balanced", "median_frequency"] | list[Annotated[float, Field(ge=0)]] = "none"
    sampler: Literal["plain", "balanced"] = "plain"  # balanced: images of all classes equally often
    ema: float = Field(default=0.0, ge=0, lt=1)  # decay a step of the weights' exponential average; 0: none
    # everywhere: the same on every x86-64 processor; machine: as fast as this one can; auto: as `configure` decides.
    bits: Literal["auto", "everywhere", "machine"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"]  # auto: fp16 on CUDA, bf16 on CPUs that have it
    synchronize_norms: bool = False  # batch normalization sees the batches of all GPUs' processes
    compile: bool = False  # by torch.compile
    deterministic: bool = True  # false: cuDNN may take the fastest algorithms
    keep: Literal["best", "last"]  # the epoch with the best validation score, or the last one
    patience: int | None = Field(default=None, ge=1)  # epochs without a better validation score before the end
    min_delta: float = Field(default=0.001, ge=0)  # that counts as better
    workers: int = Field(ge=0)  # processes that load pairs; 0: the training process itself

    @model_validator(mode="after")
    def _fit_each_other(self) -> "TrainParameters":
        if self.patience is not None and self.keep == "last":
            raise ValueError("patience goes with keep = best: the last epoch is by then the worse one")
        for key, fixed in (("precision", ("auto", "fp32")), ("compile", (False,))):
            if self.bits == "everywhere" and getattr(self, key) not in fixed:
                raise ValueError(
                    f"{key} = {str(getattr(self, key)).lower()} gives other bits on other machines; set train.bits to "
                    "machine (auto is everywhere for the sample)"
                )
        for key in ("epochs", "pretrain_epochs"):
            if self.warmup_epochs > getattr(self, key) > 0:
                raise ValueError(f"warmup_epochs = {self.warmup_epochs} is over {key} = {getattr(self, key)}")
        return self


class ClassificationTraining(Parameters):
    """All that the stage `train` reads for a task with one class an image."""

    kind: Literal["classification"]
    seed: int
    model: ClassifierParameters
    augment: ImageAugmentation
    train: TrainParameters

    @model_validator(mode="after")
    def _fit_each_other(self) -> "ClassificationTraining":
        _refuse_what_takes_no_class(self.train)
        if "focal" in self.train.loss and (self.augment.mixup or self.augment.cutmix):
            raise ValueError("train.loss.focal takes no mixed classes; set augment.mixup and augment.cutmix to 0")
        if self.train.pretrain_epochs and (self.augment.mixup or self.augment.cutmix):
            raise ValueError("train.pretrain_epochs takes no mixed classes; set augment.mixup and augment.cutmix to 0")
        return self


class SegmentationTraining(Parameters):
    """All that the stage `train` reads for a task with one class a pixel."""

    kind: Literal["segmentation"]
    seed: int
    model: SegmenterParameters
    augment: PairAugmentation
    train: TrainParameters

    @model_validator(mode="after")
    def _fit_each_other(self) -> "SegmentationTraining":
        _refuse_losses(self.train, ("squared_error",), "regression; take cross_entropy, focal, dice or tversky")
        _refuse_pretraining(self.train)
        multiple = 2**self.model.encoder_depth
        if self.augment.crop % multiple:
            raise ValueError(
                f"augment.crop = {self.augment.crop}: must be a multiple of {multiple}, which the encoder halves"
            )
        return self


class PointTraining(Parameters):
    """All that the stage `train` reads for a task with one class a point."""

    kind: Literal["points"]
    seed: int
    model: PointModelParameters
    train: TrainParameters

    @model_validator(mode="after")
    def _fit_each_other(self) -> "PointTraining":
        _refuse_what_takes_no_class(self.train)
        _refuse_pretraining(self.train)
        return self


class RegressionTraining(Parameters):
    """All that the stage `train` reads for a task with one number a point."""

    kind: Literal["regression"]
    seed: int
    model: PointModelParameters
    train: TrainParameters

    @model_validator(mode="after")
    def _fit_each_other(self) -> "RegressionTraining":
        others = tuple(name for name in self.train.loss if name != "squared_error")
        _refuse_losses(self.train, others, "classes; take squared_error")
        _refuse_pretraining(self.train)
        for key, plain in (("class_weights", "none"), ("sampler", "plain")):
            if getattr(self.train, key) != plain:
                raise ValueError(f"train.{key} = {getattr(self.train, key)} is for classes; set it to {plain}")
        return self


def _refuse_what_takes_no_class(train: TrainParameters) -> None:
    """What does not go with one class an image or a point."""
    _refuse_losses(train, ("dice", "tversky"), "segmentation; take cross_entropy or focal")
    _refuse_losses(train, ("squared_error",), "regression; take cross_entropy or focal")
    if train.class_weights == "median_frequency":
        raise ValueError("train.class_weights = median_frequency is for segmentation; take balanced")


def _refuse_losses(train: TrainParameters, names: tuple[str, ...], what: str) -> None:
    for name in names:
        if name in train.loss:
            raise ValueError(f"train.loss.{name} is for {what}")


def _refuse_pretraining(train: TrainParameters) -> None:
    if train.pretrain_epochs:
        raise ValueError(f"train.pretrain_epochs = {train.pretrain_epochs} is for images of one class; set it to 0")


Training = ClassificationTraining | SegmentationTraining | PointTraining | RegressionTraining
TRAININGS: dict[str, type[Training]] = {
    "classification": ClassificationTraining,
    "segmentation": SegmentationTraining,
    "points": PointTraining,
    "regression": RegressionTraining,
}


def training_parameters(task: str) -> Training:
    """What the stage `configure` wrote for training `task`.

    Raises:
        UserError: the stage has not run.
    """
    kind = read_json(CONFIG / task / "train.json").get("kind", "classification")
    return read_parameters("train", task, TRAININGS[kind])
