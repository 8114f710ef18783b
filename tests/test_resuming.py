"""Training runs that are interrupted and resumed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, posix
from small_runs import CPU, DATA, MODEL, NARROW, OUTPUTS, classification, interrupt_after, prepare_classes, trained

from darkroom.training import train as train_room
from darkroom.training.state import fingerprint

ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}


def test_interrupted_run_resumes_to_the_same_bytes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    prepare_classes()
    parameters = classification(epochs=4, ema=0.9, optimizer="muon")
    expected = trained(parameters)
    assert not OUTPUTS.state.exists(), "the trainer state is deleted when training ends"
    MODEL.unlink()
    for epoch in (2, 4):
        with monkeypatch.context() as patched:
            patched.setattr(train_room, "write_history", interrupt_after(epoch))
            with pytest.raises(KeyboardInterrupt):
                trained(parameters)
        assert f"goes on from epoch {epoch}" in capsys.readouterr().out
        assert not MODEL.exists()
    assert trained(parameters) == expected
    assert "resuming after epoch 3" in capsys.readouterr().out


@posix
def test_ctrl_c_prints_how_to_resume(folder: Path) -> None:
    prepare_classes()
    expected = trained(classification(epochs=100))
    MODEL.unlink()
    command = [sys.executable, "-u", "-m", "train_small", json.dumps(NARROW), json.dumps({"epochs": 100})]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        while not OUTPUTS.state.exists():
            assert run.poll() is None
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        output, errors = run.communicate()
    assert run.returncode == 130
    assert errors.splitlines() == ["train_small: stopped"]
    stopped = re.search(r"^stopped; the next `dvc repro` goes on from epoch (\d+) or later$", output, re.MULTILINE)
    assert 1 <= int(stopped[1]) < 100
    assert not MODEL.exists()
    assert trained(classification(epochs=100)) == expected


@pytest.mark.parametrize("content", [b"", b"\x80\x04no state", b"PK\x03\x04 cut short"])
def test_damaged_trainer_state_is_ignored(folder: Path, capsys: pytest.CaptureFixture, content: bytes) -> None:
    prepare_classes()
    expected = trained(classification(epochs=1))
    OUTPUTS.state.write_bytes(content)
    assert trained(classification(epochs=1)) == expected
    assert "starting from scratch" in capsys.readouterr().out


def test_trainer_state_is_bound_to_parameters_data_precision_processes_and_numerics(folder: Path) -> None:
    prepare_classes()

    def key(precision: str = "fp32", processes: int = 1, numerics: str = "", **changes) -> str:
        return fingerprint(classification(**changes), DATA, CPU, precision, processes, numerics)

    first = key()
    assert key() == first
    assert len({first, key(lr=0.051), key(precision="bf16"), key(processes=2), key(numerics="another")}) == 5
    description = DATA / "dataset.json"
    description.write_text(description.read_text() + " ")
    assert key() != first


@posix
def test_kills_at_random_moments_do_not_change_results(folder: Path) -> None:
    command = [sys.executable, "-m", "kill_often"]
    result = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    kills = int(re.search(r"^(\d+) kills, ", result.stdout, re.MULTILINE)[1])
    assert kills >= 20
    assert "resuming after epoch" in result.stdout
