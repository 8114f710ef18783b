"""Training steps on CUDA tensors without a GPU: PyTorch's fake tensors have a shape and a device but no values.

An operation that needs a value would wait for the GPU; on fake tensors it raises an error. So does an operation on
tensors of two devices. Backward passes do not run on fake tensors.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from cuda_like import CUDA, MODE, CudaLike, make_fake
from small_runs import DATA, architecture, classification, prepare_classes, prepare_scenes, segmentation
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException

import darkroom.batches.policies
import darkroom.losses
import darkroom.training.optimizers
from darkroom.batches import images as images_module
from darkroom.batches.normalize import mask_targets, normalize
from darkroom.batches.parameters import ImageAugmentation
from darkroom.batches.prefetch import prefetch
from darkroom.common.errors import UserError
from darkroom.common.named import classes_in, names_in
from darkroom.datasets.description import Description
from darkroom.losses._base import Loss
from darkroom.metrics.classes import AccuracyTally, OverlapTally
from darkroom.metrics.errors import ErrorTally
from darkroom.models.architecture import architectures
from darkroom.training.contrastive import contrastive_loss
from darkroom.training.loop import Run, supervised_objective, train_step
from darkroom.training.optimizers._base import OptimizerOptions, build_optimizer
from darkroom.training.parameters import MachineParameters, TaskTraining
from darkroom.training.state import _averaging, start

POLICIES = darkroom.batches.policies.__name__
LOSSES = classes_in(darkroom.losses.__name__, Loss)
OPTIMIZERS = classes_in(darkroom.training.optimizers.__name__, OptimizerOptions)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, mixed: None) -> Iterator[CudaLike]:
    """A fake GPU, on which backward passes do nothing."""
    make = torch.tensor  # it looks for a driver itself

    def make_and_copy(values: Any, *, device: Any = None, **options: Any) -> Tensor:
        return make(values, **options).to(device)

    monkeypatch.setattr(torch, "tensor", make_and_copy)
    monkeypatch.setattr(torch.cuda, "_lazy_init", lambda: None)
    monkeypatch.setattr(Tensor, "backward", lambda _: None)
    with CudaLike() as mode:
        yield mode


@pytest.fixture
def mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Automatic mixed precision for a GPU that PyTorch does not find; it would do nothing, and only warn."""
    monkeypatch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)


def losses_of(kind: str) -> list[Loss]:
    return [loss() for loss in LOSSES.values() if kind in loss.KINDS]


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", architectures("classification"))
def test_classifiers_run_without_waiting(mixed: None, name: str, precision: torch.dtype) -> None:
    model = architecture(name).build(10, (32, 32))
    with MODE:
        make_fake(model)
        images, targets = torch.empty(4, 3, 32, 32, device=CUDA), torch.empty(4, dtype=torch.int64, device=CUDA)
        with torch.autocast("cuda", precision):
            assert torch.is_autocast_enabled("cuda")
            logits = model(images)
        tally = AccuracyTally(10, CUDA)
        for loss in losses_of("classification"):
            tally.add(logits, targets, loss.compute(logits, targets, 0.1, torch.empty(10, device=CUDA)))
        assert logits.device == tally.cells.device == CUDA


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", architectures("segmentation"))
def test_segmentation_models_run_without_waiting(mixed: None, name: str, precision: torch.dtype) -> None:
    model = architecture(name, encoder_depth=4).build(3, (64, 64))
    with MODE:
        make_fake(model)
        images = normalize(torch.empty(2, 64, 64, 3, dtype=torch.uint8, device=CUDA), [0.5] * 3, [0.25] * 3)
        targets = mask_targets(torch.empty(2, 64, 64, dtype=torch.uint8, device=CUDA))
        with torch.autocast("cuda", precision):
            assert torch.is_autocast_enabled("cuda")
            logits = model(images)
        tally = OverlapTally(3, CUDA)
        for loss in losses_of("segmentation"):
            tally.add(logits, targets, loss.compute(logits, targets, 0.1, torch.empty(3, device=CUDA)))
        assert logits.device == tally.cells.device == CUDA


def test_point_models_run_without_waiting() -> None:
    model = architecture("mlp", widths=[8]).build(1, (2,))
    with MODE:
        predicted = make_fake(model)(torch.empty(5, 2, device=CUDA))
        targets, tally = torch.empty(5, 1, device=CUDA), ErrorTally(CUDA)
        for loss in losses_of("regression"):
            tally.add(predicted, targets, loss.compute(predicted, targets, 0.0, None))
        assert tally.variation.device == CUDA


def count_copies(gpu: CudaLike, parameters: TaskTraining) -> list[str]:
    """Return the copies between host and GPU in the second step of an epoch in bf16: from the batch to the metrics."""
    description = Description.read(DATA)
    size = parameters.input_size(description)
    model = make_fake(parameters.model.build(description.outputs, size))
    state = start(model, parameters.train, size, CUDA, "bf16")
    run = Run(parameters.kind, description.outputs, parameters.train, 0, CUDA, "bf16")
    batches = parameters.load_batches(DATA, description, CUDA, slice(None), MachineParameters(workers=0))
    tally, objective = run.metrics.new_tally(run.outputs, CUDA), supervised_objective(parameters.train)
    stream = batches.train(0)

    def step() -> None:
        for parameter in model.parameters():
            parameter.grad = torch.empty_like(parameter)
        for logits, targets, _ in train_step(state, model, [next(stream)], run, objective):
            tally.add(logits, targets, run.metrics.loss(logits, targets))
            assert logits.device == targets.device == CUDA

    step()
    assert gpu.copies, "the data and the draws of the epoch are copied before its first step"
    gpu.copies.clear()
    step()
    return gpu.copies


AUGMENTATIONS = [{"jitter": 0.4}, {"mixup": 0.4}, {"cutmix": 1.0}] + [{"policy": name} for name in names_in(POLICIES)]


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=str)
def test_step_with_every_augmentation_copies_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, gpu: CudaLike, augmentation: dict
) -> None:
    monkeypatch.setattr(images_module, "fits", lambda *_: True)
    prepare_classes()
    parameters = classification(clip_norm=1.0)
    augment = ImageAugmentation(flip="random", crop=2, cutout=4, **augmentation)
    assert not count_copies(gpu, parameters.model_copy(update={"augment": augment}))


class FakeStream:
    """A stream of the GPU that writes down what is done with it."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    def wait_stream(self, other: "FakeStream") -> None:
        self.log.append(f"{self.name} waits for {other.name}")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, gpu: CudaLike) -> list[str]:
    """What was pinned and copied, on which stream, and what waited for what. Tensors are named by their lengths."""
    log: list[str] = []
    main, pinned = FakeStream("main", log), set()
    active, copy = [main], Tensor.to

    @contextmanager
    def on(stream: FakeStream) -> Iterator[None]:
        active.append(stream)
        yield
        active.pop()

    def pin(tensor: Tensor) -> Tensor:
        pinned.add(tensor.data_ptr())
        log.append(f"pin {len(tensor)}")
        return tensor

    def copy_to(tensor: Tensor, *args: Any, **options: Any) -> Tensor:
        if options.get("non_blocking"):
            assert tensor.data_ptr() in pinned, "a copy from pageable memory waits"
            log.append(f"copy {len(tensor)} on {active[-1].name}")
        return copy(tensor, *args, **options)

    monkeypatch.setattr(torch.cuda, "Stream", lambda _: FakeStream("side", log))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: active[-1])
    monkeypatch.setattr(torch.cuda, "stream", on)
    monkeypatch.setattr(Tensor, "pin_memory", pin)
    monkeypatch.setattr(Tensor, "to", copy_to)
    monkeypatch.setattr(Tensor, "record_stream", lambda one, by: log.append(f"keep {len(one)} for {by.name}"))
    return log


def test_prefetched_batches_are_copied_before_they_are_needed(log: list[str]) -> None:
    """The main stream waits for each batch before the next one is copied, and so does not wait for that one too."""
    for (batch,) in prefetch(((torch.ones(length),) for length in (1, 2, 3)), CUDA):
        assert batch.device == CUDA
        log.append(f"compute {len(batch)}")
    expected = """
        pin 1, copy 1 on side, pin 2, main waits for side, keep 1 for main, copy 2 on side, compute 1,
        pin 3, main waits for side, keep 2 for main, copy 3 on side, compute 2,
        main waits for side, keep 3 for main, compute 3
    """
    assert log == " ".join(expected.split()).split(", ")


def test_batches_without_memory_to_pin_are_refused_in_one_line(log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Tensor) -> None:
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(Tensor, "pin_memory", fail)
    with pytest.raises(UserError, match="train.batch_size: the host has no memory left to pin for 2 images of 3 MB"):
        next(prefetch([(torch.empty(2, 3 << 19, dtype=torch.uint8),)], CUDA))


@pytest.mark.parametrize("kind", ["classification", "segmentation"])
def test_step_with_data_of_the_host_waits_for_no_copy(
    folder: Path, monkeypatch: pytest.MonkeyPatch, gpu: CudaLike, log: list[str], kind: str
) -> None:
    monkeypatch.setattr(images_module, "fits", lambda *_: False)
    if kind == "classification":
        prepare_classes()
        parameters: TaskTraining = classification()
    else:
        prepare_scenes()
        parameters = segmentation(batch_size=4, sampler="balanced")
    assert not count_copies(gpu, parameters)
    assert f"copy {parameters.train.batch_size} on side" in log


def test_contrastive_loss_runs_without_waiting() -> None:
    with MODE:
        features, labels = torch.empty(6, 8, device=CUDA), torch.empty(6, dtype=torch.int64, device=CUDA)
        assert contrastive_loss(features, labels, 0.1).device == CUDA


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_and_weight_averages_run_without_waiting(name: str) -> None:
    model = architecture("fast_cnn", widths=[8, 8, 8]).build(10, (32, 32))
    optimizer = build_optimizer(model, OPTIMIZERS[name](name=name), (32, 32), 0.1, 5e-4, 2.0)
    with MODE:
        fakes = {
            id(weight): torch.nn.Parameter(torch.empty(weight.shape, device=CUDA)) for weight in model.parameters()
        }
        for group in optimizer.param_groups:
            group["params"] = [fakes[id(weight)] for weight in group["params"]]
        for parameter in fakes.values():
            parameter.grad = torch.empty_like(parameter)
        for _ in range(2):
            optimizer.step()
            weights = [parameter.detach() for parameter in fakes.values()]
            _averaging(0.99)([torch.empty_like(weight) for weight in weights], weights, 5)


def test_operations_that_wait_for_the_gpu_raise() -> None:
    with MODE:
        values = torch.empty(4, dtype=torch.int64, device=CUDA)
        for operation in (lambda: values.sum().item(), lambda: torch.bincount(values), values.nonzero):
            with pytest.raises((DataDependentOutputException, DynamicOutputShapeException)):
                operation()
        with pytest.raises(RuntimeError, match="device"):
            values + torch.empty(4)


def test_copies_that_wait_for_the_gpu_are_counted(gpu: CudaLike) -> None:
    values, mask = torch.zeros(4).to(CUDA), torch.zeros(4).to(CUDA) > 0
    counted = {
        "a copy": lambda: torch.zeros(4).to(CUDA),
        "back": lambda: values.cpu(),
        "an index": lambda: values[torch.tensor([0, 1])],
        "a mask": lambda: values.__setitem__(mask, values[:1]),
        "into place": lambda: values.copy_(torch.zeros(4)),
    }
    for name, copy in counted.items():
        gpu.copies.clear()
        copy()
        assert gpu.copies, name
    gpu.copies.clear()
    values[mask] = 0.0
    values[1:3] = values[:2] * torch.tensor(2.0)
    assert not gpu.copies
