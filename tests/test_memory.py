"""Micro batches, and the prediction of a training step's memory."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from conftest import ROOT
from small_runs import (
    CPU,
    DATA,
    MODEL,
    NARROW,
    OUTPUTS,
    classification,
    interrupt_after,
    prepare_classes,
    prepare_scenes,
    segmentation,
    trained,
)
from test_classics import FAST

from bench import memory as bench_memory
from darkroom.commands import plan as plan_module
from darkroom.commands.plan import plan, plan_study
from darkroom.common.errors import UserError
from darkroom.common.files import read_json
from darkroom.datasets.description import Description
from darkroom.models.architecture import architectures
from darkroom.models.model_file import load_model
from darkroom.training import loop, memory
from darkroom.training import train as train_room
from darkroom.training.cost import reset_peak_memory
from darkroom.training.failures import OutOfMemory
from darkroom.training.kinds.points import PointClassTraining
from darkroom.training.kinds.regression import RegressionTraining
from darkroom.training.loop import Run, train_step
from darkroom.training.memory import LiveBytes, make_steps, needed_memory, predict_step, tried_part
from darkroom.training.micro_batch import largest_part, part_of, split_batches
from darkroom.training.parameters import TrainParameters
from darkroom.training.processes import Processes
from darkroom.training.state import start

MACHINE = {"precision": "fp32", "bits": "machine"}
IMAGES = Description(
    "classification", ["a", "b"], [0.5] * 3, [0.25] * 3, {"train": 36, "validation": 12, "test": 10}, [32, 32]
)


def weights() -> dict[str, torch.Tensor]:
    return load_model(MODEL, CPU)[0].state_dict()


def out_of_memory_above(images: int, after: int = 0) -> Callable:
    """A `train_step` that raises CUDA's error for parts of more than `images` images, once `after` steps are made."""
    steps = iter(range(10**6))

    def step(state, forward, batches, run, objective):
        if next(steps) >= after and max(len(inputs) for inputs, _ in batches) > images:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return train_step(state, forward, batches, run, objective)

    return step


def test_parts_have_one_size() -> None:
    batch = torch.arange(12).reshape(6, 2), torch.arange(6)
    parts = split_batches([batch, batch], 3)
    assert [targets.tolist() for _, targets in parts] == 2 * [[0, 1, 2], [3, 4, 5]]
    assert torch.equal(torch.cat([inputs for inputs, _ in parts[:2]]), batch[0])
    assert split_batches([batch], None) == [batch]
    sizes = [250]
    while size := part_of(250, sizes[-1] // 2):
        sizes.append(size)
    assert sizes == [250, 125, 50, 25, 10, 5, 2]
    assert [part_of(250, most) for most in (1000, 250, 64, 3, 1)] == [250, 250, 50, 2, None]
    assert part_of(7, 6) is None
    assert largest_part(250, lambda size: size <= 60) == 50
    assert largest_part(250, lambda size: False) is None


def test_parts_give_the_step_of_the_whole_batch(folder: Path) -> None:
    """LeNet has no batch normalization, which would see the part alone."""
    prepare_classes()
    results = {}
    for micro_batch in (None, 4, 2):
        trained(classification({"name": "lenet"}, accumulate=2, micro_batch=micro_batch))
        results[micro_batch] = weights()
        assert read_json(OUTPUTS.costs)["micro_batch"] == micro_batch
    for micro_batch in (4, 2):
        for name, whole in results[None].items():
            assert torch.allclose(results[micro_batch][name], whole, atol=1e-5), name
    trained(classification({"name": "lenet"}, accumulate=1))
    assert not all(torch.allclose(value, results[None][name], atol=1e-5) for name, value in weights().items())


def test_batch_normalization_sees_the_part(folder: Path) -> None:
    prepare_classes()
    assert trained(classification())[0] != trained(classification(micro_batch=4))[0]
    assert trained(classification(micro_batch=4)) == trained(classification(micro_batch=7)), "parts have one size"
    assert trained(classification(micro_batch=100)) == trained(classification(micro_batch=8))
    assert read_json(OUTPUTS.costs)["micro_batch"] is None


def test_parts_of_pairs(folder: Path) -> None:
    prepare_scenes()
    trained(segmentation(batch_size=4, micro_batch=2))
    assert read_json(OUTPUTS.costs)["micro_batch"] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"micro_batch": 4, "batch_size": 7}, "micro_batch = 4: batch_size = 7 has no equal parts of 2 to 4"),
        ({"micro_batch": 1}, "greater than or equal to 2"),
        ({"micro_batch": "all"}, "auto"),
        ({"micro_batch": "auto", "bits": "everywhere"}, "micro_batch = auto gives other bits on other machines"),
        ({"micro_batch": 4, "pretrain_epochs": 1}, "compares the images of a whole batch; set it to null"),
        ({"micro_batch": "auto", "pretrain_epochs": 1}, "compares the images of a whole batch; set it to null"),
    ],
)
def test_micro_batches_that_make_no_sense_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classification(**changes)


@pytest.mark.parametrize("micro_batch", ["auto", 2])
def test_micro_batches_must_fit_the_processes(folder: Path, monkeypatch: pytest.MonkeyPatch, micro_batch) -> None:
    prepare_classes()
    monkeypatch.setattr(train_room, "join", lambda device: Processes(0, 2, 0))
    with pytest.raises(UserError, match=rf"micro_batch = {micro_batch}: each of 2 processes gets 3 of a batch; set it"):
        trained(classification(micro_batch=micro_batch, batch_size=6, **MACHINE))


def test_auto_takes_the_whole_batch_where_it_fits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_classes()
    expected = trained(classification(**MACHINE))
    assert trained(classification(micro_batch="auto", **MACHINE))[1] == expected[1]
    assert "train.micro_batch = auto: the whole batch at once\n" in capsys.readouterr().out
    assert read_json(OUTPUTS.costs)["micro_batch"] is None


def test_auto_predicts_on_the_processor(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_classes()
    expected = trained(classification(micro_batch=4, **MACHINE))
    parameters = classification(micro_batch="auto", **MACHINE)
    free = needed_memory(predict_step(parameters, Description.read(DATA), "fp32", 8, 4), "cpu")
    monkeypatch.setattr(memory, "free_memory", lambda: free)
    assert trained(parameters) == expected
    assert read_json(OUTPUTS.costs)["micro_batch"] == 4
    monkeypatch.setattr(memory, "free_memory", lambda: 0)
    with pytest.raises(OutOfMemory, match="batch_size = 8: does not fit into memory, before the first epoch: halve it"):
        trained(parameters)


def test_epoch_that_runs_out_of_memory_goes_on_in_parts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare_classes()
    parameters = classification(micro_batch="auto", epochs=4, ema=0.9, optimizer="muon", **MACHINE)

    def train_short_of_memory(after: int) -> tuple[bytes, bytes]:
        monkeypatch.setattr(loop, "train_step", out_of_memory_above(4, after))
        return trained(parameters)

    expected = trained(classification(micro_batch=4, epochs=4, ema=0.9, optimizer="muon", **MACHINE))
    assert train_short_of_memory(2) == expected, "the first epoch begins again"
    assert "out of memory: going on after epoch 0 with train.micro_batch = 4\n" in capsys.readouterr().out
    assert read_json(OUTPUTS.costs)["micro_batch"] == 4

    undisturbed = train_short_of_memory(6)
    assert undisturbed != expected, "four steps an epoch: the first epoch saw whole batches"
    assert capsys.readouterr().out.count("out of memory: going on after epoch 1 with train.micro_batch = 4\n") == 1
    MODEL.unlink()

    with monkeypatch.context() as patched:
        patched.setattr(train_room, "write_history", interrupt_after(3))
        with pytest.raises(KeyboardInterrupt):
            train_short_of_memory(6)
    capsys.readouterr()
    assert train_short_of_memory(10**6) == undisturbed, "the resumed run takes the parts of the interrupted one"
    assert "resuming after epoch 2" in capsys.readouterr().out


@pytest.mark.parametrize("micro_batch", [None, 4])
def test_without_auto_missing_memory_ends_the_training(
    folder: Path, monkeypatch: pytest.MonkeyPatch, micro_batch: int | None
) -> None:
    prepare_classes()
    monkeypatch.setattr(loop, "train_step", out_of_memory_above(2))
    with pytest.raises(OutOfMemory, match=r"batch_size = 8: does not fit into memory, in epoch 1, step 1, .*: halve"):
        trained(classification(micro_batch=micro_batch))


def test_tried_steps_are_taken_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_classes()
    parameters = classification(optimizer="adamw", ema=0.9)
    description = Description.read(DATA)
    torch.manual_seed(0)
    state = start(parameters.model.build(2, (32, 32)), parameters.train, (32, 32), CPU, "fp32")
    run = Run("classification", 2, parameters.train, 0, CPU, "fp32")
    before = {name: value.clone() for name, value in state.model.state_dict().items()}
    batches = [parameters.example_batch(description, 8)]
    for images, expected in ((8, 8), (5, 4), (1, None)):
        monkeypatch.setattr(memory, "train_step", out_of_memory_above(images))
        assert tried_part(state, batches, run) == expected
        assert all(torch.equal(value, before[name]) for name, value in state.model.state_dict().items())
        assert not state.optimizer.state
        assert all(parameter.grad is None for parameter in state.model.parameters())
        assert int(state.average.n_averaged) == 0


def test_other_errors_of_tried_steps_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("of another kind")

    monkeypatch.setattr(memory, "train_step", fail)
    parameters = classification()
    state = start(parameters.model.build(2, (32, 32)), parameters.train, (32, 32), CPU, "fp32")
    with pytest.raises(RuntimeError, match="of another kind"):
        tried_part(
            state, [parameters.example_batch(IMAGES, 8)], Run("classification", 2, parameters.train, 0, CPU, "fp32")
        )


def test_live_bytes_are_counted() -> None:
    with LiveBytes() as counter:
        first = torch.zeros(1000)
        view = first[:10]
        second = first + 1
        assert counter.now == counter.peak == 8000
        del second
        assert counter.now == 4000
        del first
        assert counter.now == 4000, "the view holds it"
        del view
    assert (counter.now, counter.peak) == (0, 8000)


def test_prediction_is_what_real_tensors_take() -> None:
    """The same steps on real tensors make the same tensors. PyTorch's kernels take no other way than on fake ones."""
    parameters = classification(batch_size=16, optimizer="muon", ema=0.9, clip_norm=1.0)
    with LiveBytes() as counter:
        torch.manual_seed(0)
        model = parameters.model.build(2, (32, 32)).to(memory_format=torch.channels_last)
        state = start(model, parameters.train, (32, 32), CPU, "fp32")
        kept = [value.clone() for value in state.evaluated.state_dict().values()]
        run = Run("classification", 2, parameters.train, 0, CPU, "fp32")
        make_steps(state, [parameters.example_batch(IMAGES, 16)], run, None)
    assert len(kept) == len(state.model.state_dict())
    assert predict_step(parameters, IMAGES, "fp32", 16) == pytest.approx(counter.peak, rel=0.05)


def test_prediction_follows_the_parameters() -> None:
    def predicted(batch: int = 64, micro_batch: int | None = None, precision: str = "fp32", **changes) -> int:
        return predict_step(classification(**changes), IMAGES, precision, batch, micro_batch)

    whole = predicted()
    assert predicted(128) == pytest.approx(2 * whole, rel=0.1)
    assert predicted(micro_batch=32) < 0.7 * whole
    assert predicted(precision="bf16") < 0.8 * whole
    assert predicted(precision="fp16") == predicted(precision="bf16")
    assert predicted(pretrain_epochs=1, warmup_epochs=0) == pytest.approx(2 * whole, rel=0.1)
    wide = {"name": "fast_cnn", "widths": [64, 256, 256]}
    weights = 4 * sum(value.numel() for value in classification(wide).model.build(2, (32, 32)).parameters())
    for changes in ({"optimizer": "adamw"}, {"ema": 0.9}):  # two momenta instead of one; an average
        more = predicted(2, model=wide, **changes) - predicted(2, model=wide)
        assert 0.7 * weights < more < 1.3 * weights


@pytest.mark.parametrize("name", architectures("classification"))
def test_every_classifier_is_predicted(name: str) -> None:
    assert predict_step(classification({"name": name}), IMAGES, "bf16", 4) > 0


def test_other_kinds_are_predicted() -> None:
    scenes = Description("segmentation", ["a", "b", "c"], [0.5] * 3, [0.25] * 3, {"train": 9})
    four, eight, sixteen = (predict_step(segmentation(), scenes, "fp32", batch) for batch in (4, 8, 16))
    assert sixteen - eight == pytest.approx(2 * (eight - four), rel=0.2)
    model = architectures()["mlp"](name="mlp", widths=[500])
    points = PointClassTraining(kind="points", seed=0, model=model, train=TrainParameters(**FAST))
    numbers = RegressionTraining(
        kind="regression", seed=0, model=model, train=TrainParameters(**FAST | {"loss": {"squared_error": 1.0}})
    )
    for parameters in (points, numbers):
        described = Description(parameters.kind, ["a", "b"], [0.5] * 2, [0.25] * 2, {"train": 90})
        assert 500 * 1000 * 4 < predict_step(parameters, described, "fp32", 1000) < 10 * 500 * 1000 * 4


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator is told by glibc's variables")
def test_prediction_is_near_the_memory_of_a_process() -> None:
    """A process between measures, since Linux hands the peak of a process on to the programs that it starts."""
    batch = 100
    measure = f"from bench.memory import growth; print(growth('fast_cnn', {batch}))"
    start_it = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {measure!r}], check=True)"
    done = subprocess.run(
        [sys.executable, "-c", start_it],
        cwd=ROOT,
        env=os.environ | bench_memory.GIVE_BACK,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    parameters, description = bench_memory.case("fast_cnn")
    assert int(done.stdout) == pytest.approx(predict_step(parameters, description, "fp32", batch), rel=0.25)


PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def project(folder: Path) -> Path:
    """A folder with params.yaml and a prepared data set for cifar10, whose model is narrow."""
    prepare_classes()
    Path("data/prepared").mkdir(parents=True)
    DATA.rename("data/prepared/cifar10")
    write_params()
    return folder


def write_params(source: str = "published", **train) -> None:
    task = PARAMS["tasks"]["cifar10"] | {"model": NARROW}
    params = PARAMS | {
        "source": source,
        "tasks": {"cifar10": task},
        "train": PARAMS["train"] | {"batch_size": 16} | train,
    }
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def test_plan_says_which_batch_fits(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan("cifar10", 8, "cuda")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "cifar10: fast_cnn on cuda in bf16, 0 MB of data on the device"
    assert [line.split()[0] for line in lines[2:-1]] == ["2", "4", "8", "16", "32"]
    assert lines[5].endswith("fits, train.batch_size")
    assert lines[-1].startswith("batch_size 16 fits in 8 GB: predicted ")


def test_plan_says_what_to_set(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plan_module, "needed_memory", lambda tensors, _: tensors)
    write_params(precision="fp32")
    plan("cifar10", 8, "cuda")
    megabytes = {line.split()[0]: int(line.split()[1]) for line in capsys.readouterr().out.splitlines()[2:-1]}
    plan("cifar10", (megabytes["8"] + 1) / 1024, "cuda")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("batch_size 16 does not fit in ") and "; set train.micro_batch = 8: predicted " in last
    write_params(micro_batch=8, precision="fp32")
    plan("cifar10", (megabytes["8"] + 1) / 1024, "cuda")
    assert capsys.readouterr().out.splitlines()[-1].startswith("batch_size 16 in parts of 8 fits in ")
    write_params(pretrain_epochs=2, precision="fp32")  # it needs the whole batch
    plan("cifar10", (megabytes["8"] + 1) / 1024, "cuda")
    assert capsys.readouterr().out.splitlines()[-1].endswith("take a smaller train.batch_size or another model")


def test_plan_takes_the_memory_of_the_device(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params("sample")
    monkeypatch.setattr(plan_module, "free_memory", lambda: 3 << 30)
    monkeypatch.setattr(plan_module, "PROBE_SECONDS", 0)
    plan("cifar10", None, None)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("cifar10: fast_cnn on cpu in fp32, ")
    assert lines[-2].startswith("batch_size 16 fits in 3 GB")
    assert re.fullmatch(r"training takes about \d+ s here, for 36 examples and 10 epochs", lines[-1])
    plan("cifar10", 1, "cuda")
    assert capsys.readouterr().out.startswith("cifar10: fast_cnn on cuda in "), "a plan needs no GPU, nor its bits"


def test_plan_of_a_study_predicts_each_of_its_trainings(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plan_module, "PROBE_SECONDS", 0)
    content = {"shows": "sizes", "task": "cifar10", "score": "accuracy", "scales": {"gpu": {"points": {
        "small": {"train.epochs": 2}, "large": {"train.epochs": 4, "train.batch_size": 32}}}}}  # fmt: skip
    Path("studies").mkdir()
    Path("studies/own.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    plan_study("own", "gpu", 8, None)
    _, small, large, last = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"small +[\d,]+ MB +\d+ s", small) and re.fullmatch(r"large +[\d,]+ MB +\d+ s", large)
    assert last.startswith("on ") and last.endswith("python -m darkroom study own --scale gpu --dry")
    plan_study("own", "gpu", 0.1, None)
    assert "small" in (line := capsys.readouterr().out.splitlines()[1]) and line.endswith("does not fit in 0.1 GB")
    with pytest.raises(UserError, match="--scale laptop: own has gpu"):
        plan_study("own", "laptop", 8, None)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_plan_needs_the_memory_of_a_gpu_that_is_not_here(project: Path) -> None:
    with pytest.raises(UserError, match="--memory: is needed, since this machine has no GPU"):
        plan("cifar10", None, "cuda")


@pytest.mark.parametrize(
    ("task", "memory", "message"),
    [
        ("cifar01", 8, r"params.yaml: tasks.cifar01: is no task; did you mean cifar10\?"),
        ("cifar10", -1, "--memory -1: must be a positive number"),
        ("cifar10", float("nan"), "--memory nan: must be a positive number"),
    ],
)
def test_plan_refuses_in_one_line(project: Path, task: str, memory: float, message: str) -> None:
    with pytest.raises(UserError, match=message):
        plan(task, memory, None)


def test_plan_needs_a_prepared_data_set(folder: Path) -> None:
    write_params()
    with pytest.raises(UserError, match=r"prepared.cifar10: is missing; run `dvc repro prepare@cifar10`"):
        plan("cifar10", 8, None)


def test_peak_is_reset_at_each_epoch_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    reset: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", reset.append)
    for device in ("cpu", "mps", "cuda"):
        reset_peak_memory(torch.device(device))
    assert reset == [torch.device("cuda")]


def test_each_epoch_measures_its_own_peak(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_classes()
    events = []
    monkeypatch.setattr(loop, "reset_peak_memory", lambda device: events.append("reset"))
    monkeypatch.setattr(loop, "peak_memory", lambda device: events.append("read") or len(events))
    trained(classification(epochs=2))
    assert events == ["reset", "read"] * 2
    assert [epoch["peak_memory_mb"] for epoch in read_json(OUTPUTS.costs)["epochs"]] == [2, 4]
