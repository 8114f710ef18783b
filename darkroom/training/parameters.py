"""Parameters of the training loop."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from darkroom.batches.parameters import ImageAugmentation, PairAugmentation
from darkroom.common.files import read_json
from darkroom.common.parameters import CONFIG, Parameters, for_stage
from darkroom.models.parameters import ClassifierParameters, PointModelParameters, SegmenterParameters

Share = Annotated[float, Field(gt=0, lt=1)]
LossName = Literal["cross_entropy", "focal", "dice", "tversky", "squared_error"]


class TrainParameters(Parameters):
    """How a model is trained, whatever the task."""

    epochs: int = Field(ge=1)
    """Epochs of training."""
    pretrain_epochs: int = Field(default=0, ge=0)
    """Epochs of supervised contrastive training before the others; only for classification of images."""
    temperature: float = Field(default=0.1, gt=0)
    """Temperature of the contrastive loss."""
    batch_size: int = Field(ge=2)  # batch normalization needs two
    """Images (or points) in a batch, over all processes."""
    accumulate: int = Field(default=1, ge=1)
    """Batches whose gradients are added up for one step of the optimizer."""
    optimizer: Literal["sgd", "adamw", "muon"]
    """The optimizer: SGD with Nesterov momentum, AdamW, or Muon, which orthogonalizes the updates of the convolutions
    before normalizations and updates the rest by SGD."""
    lr: float = Field(gt=0)
    """Peak learning rate, reached at the end of the warm-up."""
    momentum: float = Field(ge=0, lt=1)
    """Nesterov momentum of `sgd` and `muon`."""
    weight_decay: float = Field(ge=0)
    """Weight decay. It applies to weights; biases and normalizations have none."""
    clip_norm: float | None = Field(default=None, gt=0)
    """Largest norm of all gradients together; larger ones are scaled down. `null` leaves them as they are."""
    schedule: Literal["cosine", "triangular", "multi_step", "constant"] = "cosine"
    """Learning-rate schedule after the warm-up, updated at every step."""
    warmup_epochs: float = Field(ge=0)
    """Epochs over which the learning rate rises linearly to its peak."""
    milestones: list[Share] = [0.5, 0.75]
    """Of `multi_step`: fractions of all epochs after which the learning rate falls."""
    gamma: float = Field(default=0.1, gt=0, lt=1)
    """Of `multi_step`: the factor by which the learning rate falls."""
    loss: dict[LossName, Annotated[float, Field(gt=0)]] = Field(min_length=1)
    """The losses and their weights in the sum. Classes take `cross_entropy` and `focal`, segmentation takes `dice` and
    `tversky` too, regression takes `squared_error`."""
    label_smoothing: float = Field(ge=0, lt=1)
    """Label smoothing of the cross-entropy."""
    class_weights: Literal["none", "balanced", "median_frequency"] | list[Annotated[float, Field(ge=0)]] = "none"
    """Class weights of `cross_entropy` and `focal`. `balanced`: one over the class's frequency; `median_frequency`
    (segmentation): the median frequency over the class's own; a list: one weight for each class id."""
    sampler: Literal["plain", "balanced"] = "plain"
    """`balanced` draws images of all classes equally often; `plain` shows every image once an epoch."""
    ema: float = Field(default=0.0, ge=0, lt=1)
    """Decay per step of an exponential moving average of the weights, such as 0.99. The averaged weights are then
    validated and kept. 0 switches it off."""
    bits: Literal["auto", "everywhere", "machine"] = "auto"
    """`everywhere`: the same bits on every x86-64 processor; `machine`: as fast as this machine can; `auto`:
    `everywhere` for the sample, `machine` for other data."""
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    """Precision of training. `auto`: fp16 with gradient scaling on CUDA, bf16 on CPUs that have it, else fp32."""
    synchronize_norms: bool = False
    """With several GPUs: batch normalization sees the whole batch instead of each GPU's part."""
    compile: bool = False
    """Compile the model by `torch.compile`."""
    deterministic: bool = True
    """Use deterministic algorithms on a GPU. `false` lets cuDNN take the fastest ones, whose bits vary between runs."""
    keep: Literal["best", "last"]
    """The epoch whose weights are kept: the one with the best validation score, or the last one."""
    patience: int | None = Field(default=None, ge=1)
    """Epochs without a better validation score after which training stops; `null`: never."""
    min_delta: float = Field(default=0.001, ge=0)
    """Smallest improvement of the validation score that counts for `patience`."""
    workers: int = Field(ge=0)
    """Processes that load pairs of image and mask; 0: the training process itself. The bits do not depend on it."""

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
    """The kind of task, which follows from `prepare`."""
    seed: int
    """Seed of all draws."""
    model: ClassifierParameters
    """The network and its options."""
    augment: ImageAugmentation
    """Augmentation of training images."""
    train: TrainParameters
    """How the model is trained; what stands here overrides the top-level `train`."""

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
    """The kind of task, which follows from `prepare`."""
    seed: int
    """Seed of all draws."""
    model: SegmenterParameters
    """The network and its options."""
    augment: PairAugmentation
    """Augmentation of training images."""
    train: TrainParameters
    """How the model is trained; what stands here overrides the top-level `train`."""

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
    """The kind of task, which follows from `prepare`."""
    seed: int
    """Seed of all draws."""
    model: PointModelParameters
    """The network and its options."""
    train: TrainParameters
    """How the model is trained; what stands here overrides the top-level `train`."""

    @model_validator(mode="after")
    def _fit_each_other(self) -> "PointTraining":
        _refuse_what_takes_no_class(self.train)
        _refuse_pretraining(self.train)
        return self


class RegressionTraining(Parameters):
    """All that the stage `train` reads for a task with one number a point."""

    kind: Literal["regression"]
    """The kind of task, which follows from `prepare`."""
    seed: int
    """Seed of all draws."""
    model: PointModelParameters
    """The network and its options."""
    train: TrainParameters
    """How the model is trained; what stands here overrides the top-level `train`."""

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
    return for_stage("train", task, TRAININGS[kind])
