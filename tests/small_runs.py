"""Small data sets, and parameters that train on them in seconds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from conftest import cifar_files, scene_files, write_tar, write_zip

from darkroom.annotations.convert import convert_annotations
from darkroom.annotations.parameters import AnnotationParameters, MaskParameters
from darkroom.batches.parameters import ImageAugmentation, PairAugmentation
from darkroom.common.files import read_json
from darkroom.datasets.cifar10 import prepare_cifar10
from darkroom.datasets.parameters import SplitParameters
from darkroom.evaluation.evaluate import evaluate
from darkroom.evaluation.parameters import EvaluateParameters, Evaluation
from darkroom.figures.draw import CHARTS, draw
from darkroom.models.architecture import Architecture, architectures
from darkroom.training.history import write_history
from darkroom.training.kinds.classification import ClassificationTraining
from darkroom.training.kinds.segmentation import SegmentationTraining
from darkroom.training.parameters import MachineParameters, TrainParameters
from darkroom.training.train import Outputs, train

CPU = torch.device("cpu")
DATA, MODEL, METRICS = Path("prepared"), Path("models/model.safetensors"), Path("metrics")
OUTPUTS = Outputs(
    MODEL, METRICS / "history.csv", METRICS / "train.json", Path("runs/state.pt"), Path("runs/costs.json")
)
BASE = {
    "epochs": 3, "batch_size": 8, "optimizer": "sgd", "lr": 0.05, "weight_decay": 5e-4,
    "warmup_epochs": 1.0, "loss": {"cross_entropy": 1.0}, "label_smoothing": 0.1, "precision": "fp32",
    "keep": "best",
}  # fmt: skip


NARROW = {"name": "fast_cnn", "widths": [8, 8, 8]}


def architecture(name: str, **options) -> Architecture:
    return architectures()[name](name=name, **options)


def classification(model: dict = NARROW, **changes) -> ClassificationTraining:
    return ClassificationTraining(
        kind="classification",
        seed=0,
        model=architecture(**model),
        augment=ImageAugmentation(flip="random", crop=2, cutout=4),
        train=TrainParameters(**BASE | changes),
    )


def segmentation(**changes) -> SegmentationTraining:
    return SegmentationTraining(
        kind="segmentation",
        seed=0,
        model=architecture("unet", encoder_depth=3),
        augment=PairAugmentation(crop=32, transforms=[{"HorizontalFlip": {"p": 0.5}}]),
        train=TrainParameters(**BASE | {"loss": {"cross_entropy": 1.0, "dice": 1.0}, "optimizer": "adamw"} | changes),
    )


def prepare_classes(validation: float = 0.25) -> None:
    """Prepare a data set of two classes that differ in brightness."""
    files = cifar_files(per_class=24)
    for name, content in files.items():
        if name.endswith(".bin"):
            records = np.frombuffer(content, np.uint8).reshape(-1, 3073).copy()
            records[:, 1:] = records[:, 1:] // 2 + 120 * records[:, :1]
            files[name] = records.tobytes()
    write_tar(Path("raw/a.tar.gz"), files)
    prepare_cifar10(SplitParameters(seed=0, validation=validation), "key", Path("raw"), DATA)


def prepare_scenes() -> None:
    """Prepare a segmentation data set from LabelMe annotations."""
    write_zip(Path("raw/a.zip"), scene_files(24))
    parameters = MaskParameters(seed=0, validation=0.2, test=0.2, annotations=AnnotationParameters())
    convert_annotations(parameters, "key", Path("raw"), DATA)


def evaluated(kind: str = "classification", tta: str = "none") -> dict:
    """Evaluate the last trained model, write its predictions to `predictions`, and return the report."""
    parameters = EvaluateParameters(kind=kind, evaluate=Evaluation(tta=tta))
    evaluate(parameters, MODEL, DATA, METRICS / "train.json", Path("predictions"), METRICS / "test.json")
    return read_json(METRICS / "test.json")


def trained(parameters, workers: int = 0) -> tuple[bytes, bytes]:
    """Train, and return the bytes of the model file and of the history."""
    train(parameters, MachineParameters(workers=workers), DATA, OUTPUTS)
    return MODEL.read_bytes(), (METRICS / "history.csv").read_bytes()


def interrupt_after(epoch: int) -> Callable[[Path, list], None]:
    """A `write_history` that raises KeyboardInterrupt in that epoch, before the trainer state is saved."""

    def write(path: Path, history: list) -> None:
        write_history(path, history)
        if len(history) == epoch:
            raise KeyboardInterrupt

    return write


def draw_figures() -> None:
    """Draw the figures of the last evaluation into `plots`, `images` and `charts`."""
    charts = {name: Path("charts", f"{name}.csv") for name in CHARTS}
    draw(DATA, Path("predictions"), METRICS, Path("plots"), Path("images"), charts)
