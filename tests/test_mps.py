"""Training and evaluation on a Mac's GPU, on an imitation of it that has no float64 and shares no memory."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from conftest import CLASSES, noise, png_bytes
from mps_like import MPS, NO_FLOAT64, NO_OPERATOR, MpsLike
from small_runs import (
    CPU,
    DATA,
    METRICS,
    MODEL,
    OUTPUTS,
    classification,
    evaluated,
    prepare_classes,
    prepare_scenes,
    segmentation,
    trained,
)
from test_classics import CURVE, POINTS, RAW, SPIRALS, curve, spirals, write_table
from test_commands import place_model

from darkroom.commands.predict import predict
from darkroom.common.errors import UserError, run_command
from darkroom.common.files import read_json
from darkroom.datasets.table import prepare_curve, prepare_points
from darkroom.device import precision
from darkroom.device.precision import choose_device, choose_precision, fix_algorithms, tally_device
from darkroom.device.setup import set_up
from darkroom.metrics.classes import AccuracyTally
from darkroom.training.cost import peak_memory
from darkroom.training.processes import join
from darkroom.training.train import _line_about_bits


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if PyTorch had found MPS. Afterwards nothing of its settings is left."""
    monkeypatch.setattr("darkroom.device.setup.choose_device", lambda bits, asked: CPU if bits == "everywhere" else MPS)
    monkeypatch.setattr("torch.backends.mps.is_macos_or_newer", lambda major, minor: True)
    monkeypatch.setattr("torch.mps.driver_allocated_memory", lambda: 3 << 20)
    overwrites = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(
        True
    )  # otherwise a model on MPS would look as on the CPU
    with warnings.catch_warnings():
        yield
    torch.__future__.set_overwrite_module_params_on_conversion(overwrites)
    fix_algorithms()


def spiral_points() -> None:
    write_table(SPIRALS)
    prepare_points(POINTS, "key", RAW, DATA)


def curve_points() -> None:
    write_table(CURVE)
    prepare_curve(POINTS, "key", RAW, DATA)


EVERY_OPTION = {"ema": 0.9, "class_weights": "balanced", "sampler": "balanced", "clip_norm": 1.0, "accumulate": 2}
KINDS = {
    "classification": (prepare_classes, classification(epochs=2, **EVERY_OPTION)),
    "segmentation": (prepare_scenes, segmentation(epochs=1, lr=0.002, **EVERY_OPTION)),
    "points": (spiral_points, spirals([8], epochs=2, clip_norm=1.0, ema=0.9)),
    "regression": (curve_points, curve([8], epochs=2)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_task(folder: Path, mac: None, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It gives nearly what the CPU gives: the imitation computes as the CPU does, but for the order of some steps."""
    prepare, parameters = KINDS[kind]
    prepare()
    results = {}
    for device in ("mps", "cpu"):
        with pytest.MonkeyPatch.context() as patch:
            if device == "cpu":
                patch.setattr("darkroom.device.setup.choose_device", lambda bits, asked: CPU)
            with MpsLike():
                trained(parameters)
                report = evaluated(kind, "flip_shift" if kind == "classification" else "none")
        told = capsys.readouterr().out
        assert f"on {device} in fp32" in told
        assert ("equal runs may differ slightly" in told) == (device == "mps")
        del report["intervals"]  # they follow from the same predictions
        results[device] = {name: value for name, value in report.items() if value is not None}
        assert read_json(METRICS / "train.json")["device"] == device
    assert results["mps"] == pytest.approx(results["cpu"], rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("kind", ["classification", "segmentation"])
def test_prediction(folder: Path, mac: None, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    prepare, parameters = KINDS[kind]
    prepare()
    with MpsLike():
        trained(parameters)
        place_model("own")
        Path("a.png").write_bytes(png_bytes(noise(36, 40)))
        capsys.readouterr()
        predict("own", ["a.png"], None, Path("out"), False)
    assert capsys.readouterr().out.startswith("a.png: ")


def test_pretraining(folder: Path, mac: None) -> None:
    prepare_classes()
    with MpsLike():
        trained(classification(epochs=1, pretrain_epochs=1))
    assert MODEL.is_file()


@pytest.mark.parametrize("policy", ["autoaugment", "randaugment", "trivialaugment"])
def test_augmentations(folder: Path, mac: None, policy: str) -> None:
    prepare_classes()
    parameters = classification(epochs=1)
    changes = {"mixup": 1.0, "cutmix": 1.0, "jitter": 0.2, "policy": policy, "flip": "alternate"}
    augment = parameters.augment.model_copy(update=changes)
    with MpsLike():
        trained(parameters.model_copy(update={"augment": augment}))
    assert MODEL.is_file()


def test_device_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"cuda": False, "mps": False}
    monkeypatch.setattr("torch.cuda.is_available", lambda: found["cuda"])
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: found["mps"])
    assert choose_device().type == "cpu"
    found["mps"] = True
    assert (choose_device().type, choose_device("everywhere").type) == ("mps", "cpu")
    assert "-S train.bits=machine uses it" in _line_about_bits("0")
    found["cuda"] = True
    assert choose_device().type == "cuda"
    assert [tally_device(torch.device(name)).type for name in ("cpu", "cuda", "mps")] == ["cpu", "cuda", "cpu"]


def test_precision(mac: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [choose_precision(asked, MPS) for asked in ("auto", "fp32", "bf16", "fp16")] == [
        "fp32", "fp32", "bf16", "fp16",
    ]  # fmt: skip
    monkeypatch.setattr("torch.backends.mps.is_macos_or_newer", lambda major, minor: major < 14)
    assert precision.supported_precision("bf16", MPS) == "fp32"
    with pytest.raises(UserError, match=r"^params.yaml: train.precision = bf16: needs macOS 14"):
        choose_precision("bf16", MPS)


def test_algorithms_that_are_not_deterministic_are_allowed(mac: None) -> None:
    """There are no others. PyTorch would tell of each one in a warning."""
    assert set_up().device == MPS
    assert torch.get_deterministic_debug_mode() == 1
    with warnings.catch_warnings(record=True) as told:
        warnings.warn(f"max_pool2d_backward_mps{precision.NOT_DETERMINISTIC}, but you set", UserWarning, stacklevel=1)
        warnings.warn("another", UserWarning, stacklevel=1)
    assert [str(one.message) for one in told] == ["another"]
    assert set_up("everywhere").device == CPU
    assert torch.get_deterministic_debug_mode() == 2


def test_what_mps_cannot_do_is_one_line(folder: Path, mac: None, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_classes()

    def fail(without: tuple[str, ...]) -> str:
        with MpsLike(without), pytest.raises(SystemExit) as ended:
            run_command(lambda: trained(classification(epochs=1)) and None)
        assert ended.value.code == 1
        [line] = capsys.readouterr().err.splitlines()
        return line

    assert re.search("no aten::cross_entropy on a Mac's GPU .*PYTORCH_ENABLE_MPS_FALLBACK=1", fail(("cross_entropy",)))
    assert not OUTPUTS.model.exists()


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (
            NotImplementedError(NO_OPERATOR.format("aten::linalg_eigh")),
            ("aten::linalg_eigh", "PYTORCH_ENABLE_MPS_FALLBACK=1", "train.bits = everywhere"),
        ),
        (TypeError(NO_FLOAT64), ("no float64", "train.bits = everywhere")),
    ],
)
def test_errors_of_mps(error: Exception, parts: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise error

    with pytest.raises(SystemExit):
        run_command(command)
    [line] = capsys.readouterr().err.splitlines()
    assert all(part in line for part in parts), line


def test_other_errors_keep_their_tracebacks() -> None:
    for error in (NotImplementedError("of a method"), TypeError("float64 is no int")):
        with pytest.raises(type(error)):
            run_command(lambda error=error: (_ for _ in ()).throw(error))


def test_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "0")):
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"^params.yaml: launcher: several processes cannot train on a Mac's GPU"):
        join(MPS)


def test_memory_is_that_of_mps(mac: None) -> None:
    assert peak_memory(MPS) == 3


def test_tallies_are_the_same_on_both() -> None:
    draw = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(50, len(CLASSES), generator=draw), torch.randint(2, (50,), generator=draw)
    loss = torch.nn.functional.cross_entropy(logits, targets)
    computed = []
    for device in (CPU, MPS):
        with MpsLike():
            tally = AccuracyTally(len(CLASSES), device)
            tally.add(logits.to(device), targets.to(device), loss.to(device))
            computed.append(tally.compute())
    assert computed[0] == computed[1]
