"""Parameters of the training loop."""

from typing import Annotated, Literal

from pydantic import Field

from darkroom.batches.parameters import ImageAugmentation, PairAugmentation
from darkroom.common.files import read_json
from darkroom.common.parameters import CONFIG, Parameters, for_stage
from darkroom.models.parameters import ClassifierParameters, SegmenterParameters


class TrainParameters(Parameters):
    """How a model is trained, whatever the task."""

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=2)  # batch normalization needs two
    optimizer: Literal["sgd", "adamw"]
    lr: float = Field(gt=0)  # at the end of the warm-up
    momentum: float = Field(ge=0, lt=1)  # Nesterov's; sgd alone has one
    weight_decay: float = Field(ge=0)  # of weights; biases and normalizations have none
    warmup_epochs: float = Field(ge=0)  # of linear increase
    loss: dict[Literal["cross_entropy", "dice"], Annotated[float, Field(gt=0)]] = Field(
        min_length=1
    )  # weights in a sum
    label_smoothing: float = Field(ge=0, lt=1)  # of the cross-entropy
    precision: Literal["auto", "fp32", "bf16", "fp16"]  # auto: fp16 on CUDA, bf16 on CPUs that have it
    keep: Literal["best", "last"]  # the epoch with the best validation score, or the last one
    workers: int = Field(ge=0)  # processes that load pairs; 0: the training process itself


class ClassificationTraining(Parameters):
    """All that the stage `train` reads for a task with one class an image."""

    kind: Literal["classification"]
    seed: int
    model: ClassifierParameters
    augment: ImageAugmentation
    train: TrainParameters


class SegmentationTraining(Parameters):
    """All that the stage `train` reads for a task with one class a pixel."""

    kind: Literal["segmentation"]
    seed: int
    model: SegmenterParameters
    augment: PairAugmentation
    train: TrainParameters


TRAININGS: dict[str, type[ClassificationTraining] | type[SegmentationTraining]] = {
    "classification": ClassificationTraining,
    "segmentation": SegmentationTraining,
}


def training_parameters(task: str) -> ClassificationTraining | SegmentationTraining:
    """What the stage `configure` wrote for training `task`.

    Raises:
        UserError: the stage has not run.
    """
    kind = read_json(CONFIG / task / "train.json").get("kind", "classification")
    return for_stage("train", task, TRAININGS[kind])
