"""Parameters of the stage `train`."""

import os
from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol

import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import Tensor, nn

import darkroom.batches.samplers
import darkroom.losses
import darkroom.training.optimizers
import darkroom.training.schedules
from darkroom.common.files import read_json
from darkroom.common.named import NameIn, classes_in
from darkroom.common.parameters import CONFIG, ByName, Parameters, read_parameters
from darkroom.common.platform import cores
from darkroom.datasets.description import Description
from darkroom.losses._base import Loss
from darkroom.models.architecture import Architecture
from darkroom.training.loss_terms import Losses
from darkroom.training.micro_batch import part_of
from darkroom.training.optimizers._base import OptimizerOptions
from darkroom.training.schedules._base import Schedule

OPTIMIZERS = ByName(partial(classes_in, darkroom.training.optimizers.__name__, OptimizerOptions), bare=True)
SCHEDULES = ByName(partial(classes_in, darkroom.training.schedules.__name__, Schedule), bare=True)

# One core loads about 300 pairs of CamVid a second (docs/results.md), and more processes than this take memory and time
# to start.
MOST_WORKERS = 16


def _number_or_auto(value: object) -> object:
    """Return `value`, or refuse it in one line; pydantic would complain about each type of the union."""
    if value != "auto" and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise ValueError("must be auto or a whole number, 0 at least")
    return value


class MachineParameters(Parameters):
    """Parameters that do not change the results. Changing them does not rerun the training."""

    workers: Annotated[Literal["auto"] | int, BeforeValidator(_number_or_auto)] = "auto"
    """Processes that load images and masks for segmentation; 0: the training process loads them itself; auto: 1 for a
    model on the processor, which it keeps busy; for one on a GPU as many as there are cores but one, 16 at most."""

    def count_workers(self, device: torch.device) -> int:
        """Return how many processes load images and masks for one process that trains on `device`."""
        if self.workers != "auto":
            return self.workers
        if device.type == "cpu":
            return 1
        training = int(os.environ.get("LOCAL_WORLD_SIZE", 1))  # processes that torchrun started on this machine
        return max(1, min(MOST_WORKERS, cores() // training - 1))


class TrainParameters(Parameters):
    """How a model is trained, whatever the kind of task."""

    epochs: int = Field(ge=1)
    """Passes over the training images."""
    pretrain_epochs: int = Field(default=0, ge=0)
    """Epochs of supervised contrastive pre-training before the training itself. Only for classification."""
    temperature: float = Field(default=0.1, gt=0)
    """Temperature of the contrastive loss."""
    batch_size: int = Field(ge=2)
    """Images, or points, in a batch. Batch normalization needs at least two."""
    accumulate: int = Field(default=1, ge=1)
    """Batches whose gradients are averaged for one step of the optimizer."""
    micro_batch: Literal["auto"] | Annotated[int, Field(ge=2)] | None = None
    """Most images, or points, of each process's batch that are in the network at once; auto: as many as fit into
    memory; null: all. The batch is divided into equal parts, whose gradients are averaged. Batch normalization, Dice,
    Tversky and class weights see a part alone."""
    optimizer: Annotated[OptimizerOptions, OPTIMIZERS]
    """The optimizer, by its name alone or with its options."""
    lr: float = Field(gt=0)
    """Peak learning rate, at the end of the warm-up."""
    weight_decay: float = Field(ge=0)
    """Weight decay. Biases and normalizations have none."""
    clip_norm: float | None = Field(default=None, gt=0)
    """Largest norm of the gradient of all weights together; null: no limit."""
    schedule: Annotated[Schedule, SCHEDULES] = Field(default="cosine", validate_default=True)
    """The learning rate after the warm-up, by the schedule's name alone or with its options."""
    warmup_epochs: float = Field(ge=0)
    """Epochs in which the learning rate rises linearly from near zero."""
    loss: Losses
    """Losses by name, each with its weight in the sum, or with its options. With two classes, cross-entropy is binary
    cross-entropy."""
    label_smoothing: float = Field(ge=0, lt=1)
    """Share of each target's probability that cross-entropy spreads evenly over all classes."""
    class_weights: Literal["none", "balanced", "median_frequency"] | list[Annotated[float, Field(ge=0)]] = "none"
    """Class weights of cross-entropy and focal loss: none; balanced, inversely proportional to the class's frequency;
    median_frequency, for segmentation; or a list with a weight for each class."""
    sampler: Annotated[str, NameIn(darkroom.batches.samplers.__name__)] = "plain"
    """Which images an epoch shows: plain shows each once, balanced all classes equally often."""
    ema: float = Field(default=0.0, ge=0, lt=1)
    """Decay of an exponential moving average of the weights, which is evaluated and kept; 0: none."""
    bits: Literal["auto", "everywhere", "machine"] = "auto"
    """everywhere: the same bits on every x86-64 machine; machine: as fast as this one can; auto: everywhere for the
    drawn sample, machine for other data."""
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    """Number format of the forward pass; auto: bf16 on GPUs and CPUs that have it in hardware, fp16 on other
    GPUs, else fp32."""
    synchronize_norms: bool = False
    """Compute the statistics of batch normalization over the batches of all GPUs together."""
    compile: bool = False
    """Compile the model, and Muon's Newton-Schulz iteration, with torch.compile."""
    deterministic: bool = True
    """Allow only algorithms that give the same bits at every run; false: cuDNN may take the fastest."""
    keep: Literal["best", "last"]
    """Which epoch's weights are kept: the one with the best validation score, or the last one."""
    patience: int | None = Field(default=None, ge=1)
    """Epochs without a better validation score after which training ends; null: never."""
    min_delta: float = Field(default=0.001, ge=0)
    """A validation score is better only if it exceeds the best one by more than this."""

    @model_validator(mode="after")
    def _fit_each_other(self) -> "TrainParameters":
        if self.patience is not None and self.keep == "last":
            raise ValueError("patience needs keep = best: the last epoch before stopping is not the best one")
        for key, refused in (("precision", ("bf16", "fp16")), ("compile", (True,)), ("micro_batch", ("auto",))):
            if self.bits == "everywhere" and getattr(self, key) in refused:
                raise ValueError(
                    f"{key} = {str(getattr(self, key)).lower()} gives other bits on other machines; set train.bits to "
                    "machine (for the sample, auto means everywhere)"
                )
        if self.micro_batch is not None and self.pretrain_epochs:
            raise ValueError(
                f"micro_batch = {self.micro_batch}: contrastive pre-training compares the images of a whole batch; set "
                "it to null"
            )
        if isinstance(self.micro_batch, int) and part_of(self.batch_size, self.micro_batch) is None:
            raise ValueError(
                f"micro_batch = {self.micro_batch}: batch_size = {self.batch_size} has no equal parts of 2 to "
                f"{self.micro_batch}"
            )
        for key in ("epochs", "pretrain_epochs"):
            if self.warmup_epochs > getattr(self, key) > 0:
                raise ValueError(f"warmup_epochs = {self.warmup_epochs} is greater than {key} = {getattr(self, key)}")
        return self


class Batches(Protocol):
    """Training batches of a kind of task.

    Attributes:
        unit: what a batch holds, in the plural, such as `images`.
        steps: how many batches an epoch has.
    """

    unit: str
    steps: int

    def train(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the shuffled and augmented batches of an epoch: inputs and targets, on the device."""

    def class_counts(self) -> Tensor:
        """Return the number of targets of each class in each training image or point, int64 (n, classes)."""

    def sample(self, count: int) -> Tensor:
        """Return the inputs of up to `count` training images or points. It does not disturb the draws of training."""


class TaskTraining(Parameters):
    """The parameters of the stage `train`. Each kind of task has a subclass, which restricts `model` to its models.

    Attributes:
        REFUSED: Keys of `train` that the kind of task does not use, each with the value that it must have.
        CLASS_WEIGHTS: The names that `train.class_weights` may be.
    """

    REFUSED: ClassVar[dict[str, Any]] = {}
    CLASS_WEIGHTS: ClassVar[tuple[str, ...]] = ("none", "balanced")

    kind: str
    """The kind of task: a module of `darkroom.training.kinds`."""
    seed: int
    """Seed of all random draws."""
    train: TrainParameters
    """How to train."""
    model: Architecture
    """The model, by its name, with its options."""

    @abstractmethod
    def input_size(self, description: Description) -> tuple[int, ...]:
        """Return the size of the model's inputs: (height, width) in pixels for images, (features,) for points."""

    @abstractmethod
    def load_batches(
        self, folder: Path, description: Description, device: torch.device, share: slice, machine: MachineParameters
    ) -> Batches:
        """Load the training split of the prepared data set in `folder`.

        Args:
            folder: the prepared data set.
            description: its description.
            device: where the batches are needed.
            share: which images of each batch this process takes.
            machine: how to load them.
        """

    def scale_of(self, epoch: int) -> int | None:
        """Return what the inputs of an epoch are scaled to, in pixels; None, the default: nothing."""
        return None

    def check_model(self, model: nn.Module, description: Description) -> None:
        """Check that the model takes the inputs of every epoch. The default has nothing to check.

        Raises:
            UserError: it does not.
        """

    @abstractmethod
    def example_batch(self, description: Description, count: int) -> tuple[Tensor, Tensor]:
        """Return zeros of the shapes and types that a training batch has: inputs and targets.

        Args:
            description: of the data set.
            count: images or points in the batch.
        """

    def data_bytes(self, description: Description) -> int:
        """Return the bytes of the training images or points that stay on the device. The default: none do."""
        return 0

    def check_augmentation(self, where: str) -> None:
        """Check that the augmentation works, by running it. The default has nothing to check.

        `configure` calls it once, since it takes too long for every start of a training.

        Args:
            where: the task's key in params.yaml, for messages.

        Raises:
            UserError: an augmentation does not work.
        """

    @model_validator(mode="after")
    def _fit_the_kind(self) -> "TaskTraining":
        known = [name for name, loss in classes_in(darkroom.losses.__name__, Loss).items() if self.kind in loss.KINDS]
        for name in self.train.loss.terms:
            if name not in known:
                raise ValueError(f"train.loss.{name} is not for {self.kind}; take {' or '.join(known)}")
        for key, allowed in self.REFUSED.items():
            value = getattr(self.train, key)
            if value != allowed:
                raise ValueError(f"train.{key} = {value} is not for {self.kind}; set it to {allowed}")
        weights = self.train.class_weights
        if isinstance(weights, str) and weights not in self.CLASS_WEIGHTS:
            raise ValueError(
                f"train.class_weights = {weights} is not for {self.kind}; take {' or '.join(self.CLASS_WEIGHTS)}"
            )
        return self


def training_parameters(task: str) -> tuple[TaskTraining, MachineParameters]:
    """Return the parameters that the stage `configure` wrote for training `task`.

    Raises:
        UserError: the stage has not run, or its files do not fit the parameters.
    """
    from darkroom.training.kinds import training_of

    kind = read_json(CONFIG / task / "train.json").get("kind", "classification")
    return read_parameters("train", task, training_of(kind)), read_parameters("machine", task, MachineParameters)
