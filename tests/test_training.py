"""Training and evaluation of small models: metrics, kept epochs, precision, memory and errors."""

import io
import platform
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT, noise, run, scene_files, write_zip
from sklearn.metrics import (
    classification_report,
    confusion_matrix,
    f1_score,
    jaccard_score,
    log_loss,
    precision_score,
    recall_score,
    top_k_accuracy_score,
)
from small_runs import (
    BASE,
    CPU,
    DATA,
    METRICS,
    MODEL,
    NARROW,
    classification,
    draw_figures,
    evaluated,
    prepare_classes,
    prepare_scenes,
    segmentation,
    trained,
)  # fmt: skip

from darkroom.annotations.convert import convert_annotations
from darkroom.annotations.parameters import AnnotationParameters, MaskParameters
from darkroom.batches.images import ImageBatches
from darkroom.batches.whole import whole_split
from darkroom.common.errors import UserError
from darkroom.common.files import read_json
from darkroom.common.parameters import check
from darkroom.configuration import SharedTraining
from darkroom.datasets.description import Description
from darkroom.datasets.pairs import image_paths, mask_path, read_mask
from darkroom.device import precision
from darkroom.evaluation.inference import logits_of
from darkroom.evaluation.tables import read_classes
from darkroom.losses.cross_entropy import cross_entropy
from darkroom.losses.dice import dice_loss
from darkroom.metrics.classes import AccuracyTally, OverlapTally
from darkroom.models.model_file import load_model
from darkroom.models.simple_cnn import SimpleCNNArchitecture
from darkroom.training import parameters as parameters_module
from darkroom.training.history import best_row, summary
from darkroom.training.loop import Run, evaluate
from darkroom.training.parameters import MachineParameters


def test_equal_runs_give_equal_bytes(folder: Path) -> None:
    prepare_classes()
    first = trained(classification())
    torch.manual_seed(123)
    torch.rand(7)
    assert trained(classification()) == first, "the state of the global random generator has no effect"
    assert trained(classification(lr=0.06))[0] != first[0]


def class_metrics(entry: dict) -> dict:
    return {"precision": entry["precision"], "recall": entry["recall"], "f1": entry["f1-score"]}


def test_classification_is_trained_reported_and_drawn(folder: Path) -> None:
    prepare_classes()
    trained(classification(epochs=6))
    report = evaluated()
    logits = np.load("predictions/logits.npy")
    truth = np.load(DATA / "test_labels.npy")
    probabilities = torch.from_numpy(logits).softmax(1).numpy()
    assert report["accuracy"] == pytest.approx((logits.argmax(1) == truth).mean())
    assert report["accuracy"] > 0.9
    assert report["loss"] == pytest.approx(log_loss(truth, probabilities), abs=1e-4)
    assert report["top5_accuracy"] == 1.0
    assert np.array_equal(np.load("predictions/confusion.npy"), confusion_matrix(truth, logits.argmax(1)))
    reference = classification_report(truth, logits.argmax(1), target_names=["cat", "dog"], output_dict=True)
    for entry in read_classes(Path("predictions/classes.csv")).to_dict("records"):
        expected = reference[entry.pop("class")]
        assert entry == pytest.approx({"images": expected["support"], **class_metrics(expected)}, abs=1e-6)
    for name, expected in class_metrics(reference["macro avg"]).items():
        assert report[f"macro_{name}"] == pytest.approx(expected, abs=1e-6)
    summary = read_json(METRICS / "train.json")
    for split in ("train", "validation"):
        assert report[f"gap_to_{split}"] == pytest.approx(summary[f"{split}_accuracy"] - report["accuracy"], abs=2e-6)
    table = pd.read_csv("predictions/predictions.csv")
    assert list(table) == ["index", "true", "predicted", "confidence", "second", "second_confidence"]
    assert list(table["confidence"] + table["second_confidence"]) == pytest.approx([1.0] * 10, abs=2e-6)

    draw_figures()
    assert (Path("charts/loss.csv")).read_text().splitlines()[0] == "epoch,train,validation"
    first = {path.name: path.read_bytes() for path in Path("plots").iterdir()}
    draw_figures()
    assert {path.name: path.read_bytes() for path in Path("plots").iterdir()} == first


@pytest.mark.parametrize("precision_name", ["fp32", "bf16"])
def test_segmentation_is_trained_reported_and_drawn(folder: Path, precision_name: str) -> None:
    prepare_scenes()
    trained(segmentation(epochs=8, batch_size=2, lr=0.003, precision=precision_name))
    report = evaluated("segmentation")
    assert report.keys() == {
        "loss", "mean_iou", "mean_foreground_iou", "mean_dice", "pixel_accuracy", "expected_calibration_error",
        "uncalibrated_error", "gap_to_train", "gap_to_validation",
        "intervals",
    }  # fmt: skip
    truth = np.concatenate([read_mask(mask_path(DATA, "test", p.stem)).ravel() for p in image_paths(DATA, "test")])
    predicted = np.concatenate([read_mask(p).ravel() for p in sorted(Path("predictions/masks").iterdir())])
    scores = {"precision": precision_score, "recall": recall_score, "iou": jaccard_score, "dice": f1_score}
    for name, score in scores.items():
        expected = score(truth, predicted, labels=[0, 1, 2], average=None, zero_division=0)
        reported = read_classes(Path("predictions/classes.csv"))[name].fillna(0).tolist()
        assert reported == pytest.approx(expected.tolist(), abs=1e-6), name
    occurring = [value for value in (1, 2) if value in truth or value in predicted]
    expected = jaccard_score(truth, predicted, labels=occurring, average="macro")
    assert report["mean_foreground_iou"] == pytest.approx(expected, abs=1e-6)
    assert report["pixel_accuracy"] > 0.5
    assert len(list(Path("predictions/masks").iterdir())) == 5
    draw_figures()
    assert (Path("plots") / "overlays.png").stat().st_size > 10_000


def test_a_gpu_gets_workers_by_the_cores_that_training_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, auto = torch.device("cuda"), MachineParameters()
    for available, processes, workers in ((1, 1, 1), (2, 1, 1), (8, 1, 7), (64, 1, 16), (64, 4, 15), (4, 8, 1)):
        monkeypatch.setattr(parameters_module, "cores", lambda available=available: available)
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
        assert auto.count_workers(gpu) == workers
        assert auto.count_workers(CPU) == 1
        assert MachineParameters(workers=0).count_workers(gpu) == 0
    for wrong in (-1, "many"):
        with pytest.raises(UserError, match=f"train.workers = {wrong!r}: must be auto or a whole number"):
            check(SharedTraining, BASE | {"workers": wrong}, "train")


def test_workers_do_not_change_the_model(folder: Path) -> None:
    prepare_scenes()
    assert trained(segmentation(epochs=1), workers=2) == trained(segmentation(epochs=1), workers=0)


def test_best_epoch_is_kept_or_the_last_without_validation(folder: Path) -> None:
    prepare_classes()
    best, history = trained(classification(lr=0.4, epochs=4, warmup_epochs=0.0))
    rows = pd.read_csv(io.BytesIO(history)).to_dict("records")
    last, _ = trained(classification(lr=0.4, epochs=4, warmup_epochs=0.0, keep="last"))
    assert (best == last) == (best_row(rows, "accuracy")["epoch"] == 4)
    prepare_classes(validation=0)
    assert trained(classification(keep="best"))[0] == trained(classification(keep="last"))[0]
    assert b"validation" not in (METRICS / "history.csv").read_bytes()


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        (NARROW, {"batch_size": 64}, "train.batch_size = 64: only 36 images to train on"),
        (
            {"name": "vit", "patch": 5},
            {},
            "model.patch = 5: images of 32×32 pixels cannot be divided into whole patches",
        ),
        (NARROW, {"precision": "fp16"}, "train.precision = fp16: needs a GPU"),
    ],
)
def test_impossible_settings_are_refused_before_data_is_read(
    folder: Path, model: dict, changes: dict, message: str
) -> None:
    prepare_classes()
    for array in DATA.glob("*.npy"):
        array.unlink()
    with pytest.raises(UserError, match=message):
        trained(classification(model, **changes))


def test_loss_that_is_not_finite_gives_a_one_line_error(folder: Path) -> None:
    prepare_classes()
    with pytest.raises(UserError, match=r"the loss is (nan|inf) in epoch \d, step \d+, at learning rate"):
        trained(classification(lr=1e30, epochs=2, warmup_epochs=0.0))
    assert not MODEL.exists()


class TooLarge(torch.nn.Flatten):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.empty(2**60)


class NotDeterministic(torch.nn.Flatten):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.put_(torch.tensor([0]), torch.ones(1)).flatten(1)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (TooLarge, r"batch_size = 8: does not fit into memory, in epoch 1, step 1, .*: halve it and .* = 2"),
        (NotDeterministic, r"deterministic = true: the model uses put_, .* in epoch 1, step 1, .*: take another model"),
    ],
)
def test_errors_of_the_device_give_a_one_line_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, layer: type, message: str
) -> None:
    network = torch.nn.Sequential(layer(), torch.nn.Linear(3 * 32 * 32, 2))
    monkeypatch.setattr(SimpleCNNArchitecture, "_network", lambda *_: network)
    prepare_classes()
    with pytest.raises(UserError, match=message):
        trained(classification({"name": "simple_cnn"}))
    assert not MODEL.exists()


def test_automatic_precision_depends_on_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert precision.choose_precision("auto", CPU) == "bf16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True, "avx512_bf16": False})
    assert precision.choose_precision("auto", CPU) == "fp32"
    for has_bf16, best in ((True, "bf16"), (False, "fp16")):  # compute capability 8.0 and later, and earlier ones
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, has=has_bf16: has)
        assert precision.choose_precision("auto", torch.device("cuda")) == best
    with pytest.raises(UserError, match="train.precision = fp16: needs a GPU"):
        precision.choose_precision("fp16", CPU)


def test_half_precision_model_predicts_in_float32_where_the_cpu_lacks_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    prepare_classes()
    trained(classification(epochs=1))
    model, card = load_model(MODEL, CPU)
    images = torch.rand(4, 3, 32, 32)
    in_float32 = logits_of(model, card, images)
    assert torch.equal(logits_of(model, replace(card, precision="fp16"), images), in_float32)
    assert not torch.equal(logits_of(model, replace(card, precision="bf16"), images), in_float32), "the CPU has it"
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert torch.equal(logits_of(model, replace(card, precision="bf16"), images), in_float32)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have no such settings")
@pytest.mark.parametrize("kept", [False, True])
def test_freed_memory_is_kept_for_the_next_step(kept: bool) -> None:
    """Runs in a fresh process, in which nothing else has changed the settings of the allocator."""
    code = f"""
import psutil, torch
from darkroom.common.platform import keep_freed_memory
if {kept}: keep_freed_memory()
before = psutil.Process().memory_info().rss
large = torch.ones(2**26)
del large
print(psutil.Process().memory_info().rss - before > 2**27)
"""
    assert run(ROOT, sys.executable, "-c", code).stdout.split() == [str(kept)]


def test_tally_agrees_with_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    logits = torch.tensor(draw.normal(size=(4, 7, 9, 11)), dtype=torch.float32)
    targets = torch.tensor(draw.integers(0, 7, (4, 9, 11)))
    targets[0, :3] = -100
    tally = OverlapTally(7, CPU)
    for part in (slice(0, 1), slice(1, 4)):
        tally.add(logits[part], targets[part], cross_entropy(logits[part], targets[part]))
    valid = (targets >= 0).numpy()
    true, predicted = targets.numpy()[valid], logits.argmax(1).numpy()[valid]
    probabilities = logits.softmax(1).permute(0, 2, 3, 1).numpy()[valid]
    figures = tally.compute()
    assert figures["mean_iou"] == pytest.approx(jaccard_score(true, predicted, average="macro"))
    assert figures["mean_dice"] == pytest.approx(f1_score(true, predicted, average="macro"))
    assert figures["pixel_accuracy"] == pytest.approx((true == predicted).mean())
    assert figures["loss"] == pytest.approx(log_loss(true, probabilities), rel=1e-5)

    flat, classes = logits[..., 0, 0], targets[..., 3, 0]
    tally = AccuracyTally(7, CPU)
    tally.add(flat, classes, cross_entropy(flat, classes))
    expected = top_k_accuracy_score(classes, flat, k=5, labels=range(7))
    assert tally.compute()["top5_accuracy"] == pytest.approx(expected)


def test_dice_loss_of_a_perfect_prediction_is_zero() -> None:
    targets = torch.tensor(noise(8, 8)[..., :1] // 128).permute(2, 0, 1).long()
    logits = torch.nn.functional.one_hot(targets, 2).permute(0, 3, 1, 2) * 100.0
    targets[0, 0] = -100
    assert float(dice_loss(logits, targets)) == pytest.approx(0, abs=1e-4)
    assert float(dice_loss(-logits, targets)) > 0.9


def test_model_file_and_report_keep_the_same_epoch(folder: Path) -> None:
    """The scores in the history decide; ties go to the lower validation loss, then to the later epoch."""

    def row(epoch: int, score: float, loss: float) -> dict[str, float]:
        return {
            "epoch": epoch,
            "train_loss": 1.0,
            "train_accuracy": 0.5,
            "validation_loss": loss,
            "validation_accuracy": score,
        }

    for rows, best in [
        ([row(1, 0.5, 2.0), row(2, 0.75, 1.5), row(3, 0.75, 1.25), row(4, 0.75, 1.5)], 3),
        ([row(1, 0.75, 1.5), row(2, 0.75, 1.5), row(3, 0.5, 0.5)], 2),
    ]:
        assert best_row(rows, "accuracy")["epoch"] == summary(rows, "accuracy", "best")["kept_epoch"] == best

    prepare_classes()
    trained(classification(epochs=6, lr=0.2))
    report = read_json(METRICS / "train.json")
    model, _ = load_model(MODEL, CPU)
    evaluation_run = Run("classification", 2, classification().train, 0, CPU, "fp32")
    figures = evaluate(model, whole_split(DATA, Description.read(DATA), "validation", CPU), evaluation_run)
    for name, value in figures.items():
        if f"validation_{name}" in report:
            assert report[f"validation_{name}"] == round(value, 6), name


def test_training_and_validation_loss_are_the_same_function(folder: Path) -> None:
    """Neither has label smoothing. The smoothed loss that is minimized has a column of its own."""
    prepare_classes()
    trained(classification(epochs=8, label_smoothing=0.4))
    history = pd.read_csv(METRICS / "history.csv")
    assert list(history)[:4] == ["epoch", "lr", "train_objective", "train_loss"]
    last = history.iloc[-1]
    smallest_objective = -(0.8 * np.log(0.8) + 0.2 * np.log(0.2))  # smoothed cross-entropy of two classes
    assert last["train_objective"] >= smallest_objective > last["train_loss"] + 0.1, last


def test_validation_during_training_equals_the_evaluation(folder: Path) -> None:
    """The images are larger than the crops of training. Both predict them in windows of the size of a crop."""
    files = scene_files(24, width=70, height=90)
    write_zip(Path("raw/a.zip"), files)
    parameters = MaskParameters(seed=0, validation=0.2, test=0.2, annotations=AnnotationParameters())
    convert_annotations(parameters, "key", Path("raw"), DATA)
    trained(segmentation(epochs=2, batch_size=4, keep="last"))
    model, card = load_model(MODEL, CPU)
    tally = OverlapTally(3, CPU)
    with torch.inference_mode():
        for images, targets in whole_split(DATA, Description.read(DATA), "validation", CPU):
            assert max(images.shape[2:]) > max(card.image_size)
            logits = logits_of(model, card, images) * card.temperature
            tally.add(logits, targets, cross_entropy(logits, targets))
    report = read_json(METRICS / "train.json")
    assert report["validation_mean_iou"] == round(tally.compute()["mean_iou"], 6)
    assert report["validation_loss"] == pytest.approx(tally.compute()["loss"], abs=1e-6)


def test_memory_that_runs_out_in_augmentation_gives_a_one_line_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_classes()
    monkeypatch.setattr(ImageBatches, "_augment", lambda *_: torch.empty(2**60))
    with pytest.raises(UserError, match="batch_size = 8: does not fit into memory, in epoch 1: halve it"):
        trained(classification())
