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
    interrupt_after,
    prepare_classes,
    prepare_scenes,
    segmentation,
    trained,
)

import darkroom.batches.policies
from bench import memory as bench_memory
from darkroom.batches import images as images_module
from darkroom.batches.images import ImageBatches
from darkroom.batches.parameters import ImageAugmentation
from darkroom.batches.prefetch import prefetch
from darkroom.common.files import read_json
from darkroom.common.named import names_in
from darkroom.datasets.description import Description
from darkroom.models.architecture import architectures
from darkroom.training import train as train_room
from darkroom.training.loop import Run, supervised_objective, train_step
from darkroom.training.memory import predict_step
from darkroom.training.parameters import MachineParameters, TaskTraining
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

    with monkeypatch.context() as patched:
        patched.setattr(train_room, "write_history", interrupt_after(2))
        with pytest.raises(KeyboardInterrupt):
            trained(parameters)
    assert not MODEL.exists()
    assert trained(parameters) == expected


def check_that_steps_do_not_wait(parameters: TaskTraining) -> None:
    """Make steps in bf16 after two that warm up. A copy that waits or a value that the host reads raises an error."""
    description = Description.read(DATA)
    size = parameters.input_size(description)
    model = parameters.model.build(description.outputs, size).to(CUDA)
    state = start(model, parameters.train, size, CUDA, "bf16")
    run = Run(parameters.kind, description.outputs, parameters.train, 0, CUDA, "bf16")
    batches = parameters.load_batches(DATA, description, CUDA, slice(None), MachineParameters(workers=0))
    tally, stream = run.metrics.new_tally(run.outputs, CUDA), batches.train(0)
    objective = supervised_objective(parameters.train)

    def step() -> None:
        for logits, targets, _ in train_step(state, model, [next(stream)], run, objective):
            tally.add(logits, targets, run.metrics.loss(logits, targets))

    step()
    step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("optimizer", ["muon", "sgd", "adamw"])
@pytest.mark.parametrize("fits", [True, False])
def test_step_of_a_classifier_does_not_wait(
    folder: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str, fits: bool
) -> None:
    monkeypatch.setattr(images_module, "fits", lambda *_: fits)
    prepare_classes()
    check_that_steps_do_not_wait(classification(NARROW, optimizer=optimizer, precision="bf16"))


@pytest.mark.parametrize("policy", names_in(darkroom.batches.policies.__name__))
def test_step_with_every_augmentation_does_not_wait(folder: Path, policy: str) -> None:
    prepare_classes()
    augment = ImageAugmentation(flip="random", crop=2, cutout=4, policy=policy, jitter=0.4, mixup=0.4, cutmix=1.0)
    check_that_steps_do_not_wait(classification(precision="bf16").model_copy(update={"augment": augment}))


@pytest.mark.parametrize("name", architectures("segmentation"))
def test_step_of_a_segmentation_model_does_not_wait(folder: Path, name: str) -> None:
    prepare_scenes()
    parameters = segmentation(batch_size=4, precision="bf16")
    check_that_steps_do_not_wait(parameters.model_copy(update={"model": architecture(name, encoder_depth=4)}))


def test_prefetched_batches_are_those_of_the_host() -> None:
    """The GPU is kept busy between them, so that a batch whose copy is not waited for would be wrong."""
    work = torch.randn(2000, 2000, device=CUDA)
    batches = [(torch.randn(256, 3, 32, 32), torch.randint(10, (256,))) for _ in range(30)]
    for (images, labels), batch in zip(batches, prefetch(batches, CUDA), strict=True):
        sums = batch[0].double().sum((1, 2, 3)), batch[1].clone()
        del batch  # its memory may be given to a later copy
        work = (work @ work).clamp(-1, 1)
        assert torch.allclose(sums[0].cpu(), images.double().sum((1, 2, 3))) and torch.equal(sums[1].cpu(), labels)


@pytest.mark.parametrize("workers", [0, 2])
def test_segmentation_batches_match_those_of_the_cpu(folder: Path, workers: int) -> None:
    prepare_scenes()
    parameters = segmentation(batch_size=4)
    epochs = [
        list(
            parameters.load_batches(
                DATA, Description.read(DATA), device, slice(None), MachineParameters(workers=workers)
            ).train(1)
        )
        for device in (torch.device("cpu"), CUDA)
    ]
    for (images, targets), (images_on_gpu, targets_on_gpu) in zip(*epochs, strict=True):
        assert torch.allclose(images, images_on_gpu.cpu(), atol=1e-5) and torch.equal(targets, targets_on_gpu.cpu())


def test_augmentation_matches_that_of_the_cpu(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_classes()
    augmentation = ImageAugmentation(flip="random", crop=2, cutout=3, policy="randaugment", jitter=0.3)

    def load_epoch(device: torch.device) -> torch.Tensor:
        batches = ImageBatches(DATA, Description.read(DATA), augmentation, 8, 0, device)
        return torch.cat([images for images, _ in batches.train(0)]).cpu()

    on_cpu, on_gpu = load_epoch(torch.device("cpu")), load_epoch(CUDA)
    # Few pixels may come from the neighbour of the pixel that the CPU takes.
    assert ((on_cpu - on_gpu).abs() > 2e-2).float().mean() < 0.002
    monkeypatch.setattr(images_module, "fits", lambda *_: False)
    assert torch.equal(load_epoch(CUDA), on_gpu)


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
