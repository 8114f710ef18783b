"""Training on a GPU. `make gpu` runs these tests and the benchmarks where there is one."""

from pathlib import Path

import pytest
import torch
from small_runs import (
    DATA,
    MODEL,
    NARROW,
    OUTPUTS,
    architecture,
    classification,
    evaluated,
    prepare_classes,
    prepare_scenes,
    segmentation,
    trained,
)

from bench import memory as bench_memory
from darkroom.batches import images as images_module
from darkroom.batches.augmentations import Epoch, draw_all
from darkroom.batches.images import ImageBatches
from darkroom.batches.parameters import ImageAugmentation
from darkroom.common.files import read_json
from darkroom.datasets.description import Description
from darkroom.models.architecture import architectures
from darkroom.training import train as train_room
from darkroom.training.history import write_history
from darkroom.training.loop import Run, supervised_objective, train_step
from darkroom.training.memory import predict_step
from darkroom.training.parameters import MachineParameters
from darkroom.training.state import start

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
CUDA = torch.device("cuda")


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
@pytest.mark.parametrize("name", architectures("classification"))
def test_every_classifier_trains_and_predicts(folder: Path, name: str, precision: str) -> None:
    prepare_classes()
    trained(classification({"name": name}, epochs=1, warmup_epochs=0, precision=precision))
    assert 0 <= evaluated()["accuracy"] <= 1


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
@pytest.mark.parametrize("name", architectures("segmentation"))
def test_every_segmentation_model_trains_and_predicts(folder: Path, name: str, precision: str) -> None:
    prepare_scenes()
    parameters = segmentation(epochs=1, warmup_epochs=0, precision=precision)
    trained(parameters.model_copy(update={"model": architecture(name, encoder_depth=4)}))
    assert 0 <= evaluated("segmentation")["mean_iou"] <= 1


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
@pytest.mark.parametrize("optimizer", ["muon", "sgd", "adamw"])
def test_two_trainings_give_the_same_bytes(folder: Path, optimizer: str, precision: str) -> None:
    prepare_classes()
    parameters = classification(optimizer=optimizer, precision=precision, ema=0.9)
    assert trained(parameters) == trained(parameters)


def test_interrupted_training_resumes_to_the_same_bytes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_classes()
    parameters = classification(epochs=4, optimizer="muon", precision="fp16")
    expected = trained(parameters)
    MODEL.unlink()

    def interrupt(path: Path, history: list) -> None:
        write_history(path, history)
        if len(history) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(train_room, "write_history", interrupt)
        with pytest.raises(KeyboardInterrupt):
            trained(parameters)
    assert OUTPUTS.state.exists() or not MODEL.exists()
    assert trained(parameters) == expected


@pytest.mark.parametrize("optimizer", ["muon", "sgd", "adamw"])
def test_a_step_in_bf16_does_not_wait_for_the_gpu(folder: Path, optimizer: str) -> None:
    prepare_classes()
    parameters = classification(NARROW, optimizer=optimizer, precision="bf16")
    description = Description.read(DATA)
    size = parameters.input_size(description)
    model = parameters.model.build(description.outputs, size).to(CUDA)
    state = start(model, parameters.train, size, CUDA, "bf16")
    run = Run("classification", description.outputs, parameters.train, 0, CUDA, "bf16")
    batches = parameters.load_batches(DATA, description, CUDA, slice(None), MachineParameters(workers=0))
    tally, stream = run.metrics.new_tally(run.outputs, CUDA), batches.train(0)
    objective = supervised_objective(parameters.train)

    def step() -> None:
        for logits, targets, _ in train_step(state, model, [next(stream)], run, objective):
            tally.add(logits, targets, run.metrics.loss(logits, targets))

    step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_augmentation_matches_that_of_the_cpu(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_classes()
    augmentation = ImageAugmentation(flip="random", crop=2, cutout=3, policy="randaugment", jitter=0.3)
    batches = [
        next(ImageBatches(DATA, Description.read(DATA), augmentation, 8, 0, torch.device(device)).train(0))[0].cpu()
        for device in ("cpu", "cuda")
    ]
    assert torch.allclose(*batches, atol=2e-2)
    monkeypatch.setattr(images_module, "fits", lambda *_: False)
    batches_from_host = ImageBatches(DATA, Description.read(DATA), augmentation, 8, 0, CUDA)
    assert batches_from_host.images.device.type == "cpu"
    assert torch.equal(next(batches_from_host.train(0))[0].cpu(), batches[1])
    epoch = Epoch(0, 0, (32, 32), torch.arange(8), torch.zeros(8), CUDA)
    assert all(
        drawn.draws.device.type == "cuda" for drawn in draw_all(augmentation, epoch) if not drawn.works_on_pixels
    )


@pytest.mark.parametrize("name", ["fast_cnn", "resnet18", "vit", "unet", "wrn_28_10"])
def test_memory_of_a_step_is_the_predicted_one(name: str) -> None:
    parameters, description = bench_memory.case(name)
    hyper = parameters.train
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    bench_memory.train_steps(name, hyper.batch_size, CUDA)
    taken = torch.cuda.max_memory_allocated() - before
    assert taken == pytest.approx(predict_step(parameters, description, hyper.precision, hyper.batch_size), rel=0.15)
    assert taken < 8 << 30


def test_micro_batch_is_found_where_memory_is_missing(folder: Path) -> None:
    prepare_classes()
    changes = {"batch_size": 32, "epochs": 1, "warmup_epochs": 0, "bits": "machine"}
    parameters = classification({"name": "resnet18"}, micro_batch="auto", **changes)
    description = Description.read(DATA)
    whole, parts = (predict_step(parameters, description, "fp32", 32, part) for part in (None, 8))
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    hog = torch.empty(free - (whole + parts) // 2, dtype=torch.uint8, device=CUDA)  # leaves too little for the batch
    try:
        result = trained(parameters)
    finally:
        del hog
        torch.cuda.empty_cache()
    micro_batch = read_json(OUTPUTS.costs)["micro_batch"]
    assert micro_batch in (2, 4, 8, 16)
    assert trained(classification({"name": "resnet18"}, micro_batch=micro_batch, **changes)) == result


def test_peak_memory_is_that_of_the_epoch(folder: Path) -> None:
    prepare_classes()
    large = torch.empty(1 << 30, dtype=torch.uint8, device=CUDA)
    del large
    trained(classification(NARROW, epochs=2))
    assert all(epoch["peak_memory_mb"] < 1024 for epoch in read_json(OUTPUTS.costs)["epochs"])
