"""The choice of the device by the key `device` of params.yaml."""

import pytest
import torch

from darkroom.common.errors import UserError
from darkroom.device.precision import choose_device
from darkroom.device.setup import set_up


def pretend_gpus(monkeypatch: pytest.MonkeyPatch, count: int, has_mps: bool = False) -> list[torch.device]:
    """Let PyTorch report that many GPUs. Return the list of devices that are made current."""
    current: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: has_mps)
    return current


@pytest.mark.parametrize(
    ("gpus", "has_mps", "chosen"), [(2, False, "cuda"), (0, True, "mps"), (0, False, "cpu"), (1, True, "cuda")]
)
def test_auto_takes_the_gpu_that_is_there(
    monkeypatch: pytest.MonkeyPatch, gpus: int, has_mps: bool, chosen: str
) -> None:
    pretend_gpus(monkeypatch, gpus, has_mps)
    monkeypatch.setenv("PATH", "")
    assert choose_device() == torch.device(chosen)
    assert choose_device("everywhere") == torch.device("cpu")


def test_a_named_gpu_becomes_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    current = pretend_gpus(monkeypatch, 2)
    assert choose_device(asked="cuda:1") == choose_device(asked="cuda") == torch.device("cuda")
    assert current == [torch.device("cuda:1")]
    assert set_up(device="cpu").device == torch.device("cpu")


@pytest.mark.parametrize(
    ("gpus", "bits", "asked", "message"),
    [
        (0, "machine", "cuda", "device = cuda: PyTorch finds no CUDA GPUs here"),
        (1, "machine", "cuda:1", "device = cuda:1: PyTorch finds 1 CUDA GPU here"),
        (2, "machine", "cuda:2", "device = cuda:2: PyTorch finds 2 CUDA GPUs here"),
        (1, "machine", "mps", "device = mps: this machine has none"),
        (1, "everywhere", "cuda", "train.bits = everywhere computes on the CPU; set train.bits to machine"),
    ],
)
def test_a_device_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, gpus: int, bits: str, asked: str, message: str
) -> None:
    pretend_gpus(monkeypatch, gpus)
    with pytest.raises(UserError, match=message):
        choose_device(bits, asked)


@pytest.mark.parametrize("has_driver", [True, False])
def test_a_gpu_that_pytorch_cannot_use_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], has_driver: bool
) -> None:
    pretend_gpus(monkeypatch, 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}" if has_driver else None)
    assert choose_device() == torch.device("cpu")
    assert ("PyTorch cannot use a GPU" in capsys.readouterr().err) == has_driver
