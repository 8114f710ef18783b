"""Several processes that train one model, as torchrun starts them, on the CPU."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import ROOT, posix
from small_runs import DATA, METRICS, MODEL, NARROW, OUTPUTS, classification, prepare_classes, trained

from darkroom.batches.images import ImageBatches
from darkroom.batches.parameters import ImageAugmentation
from darkroom.datasets.description import Description
from darkroom.training.processes import Processes

PLAIN = {"name": "simple_cnn"}  # without batch normalization
ROUNDING = 1e-4  # by which losses may differ, relatively: gradients are added in another order


def start(processes: int, model: dict, **changes) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return subprocess.Popen(
        [*command, "-m", "train_small", json.dumps(model), json.dumps(changes)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def trained_together(processes: int, model: dict, **changes) -> tuple[bytes, bytes]:
    started = start(processes, model, **changes)
    printed = started.communicate()[0]
    assert started.returncode == 0, printed
    return MODEL.read_bytes(), (METRICS / "history.csv").read_bytes()


def losses() -> list[float]:
    with OUTPUTS.history.open() as file:
        return [float(row[name]) for row in csv.DictReader(file) for name in ("train_loss", "validation_loss")]


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_together_learn_what_one_alone_learns(folder: Path, processes: int) -> None:
    prepare_classes()
    trained(classification(PLAIN, batch_size=6))
    alone = losses()
    trained_together(processes, PLAIN, batch_size=6)
    assert losses() == pytest.approx(alone, rel=ROUNDING)
    assert alone[0] != pytest.approx(alone[-2], rel=0.01), "something is learned meanwhile"


@posix
def test_killed_processes_go_on_to_the_same_bytes(folder: Path) -> None:
    prepare_classes()
    whole = trained_together(2, NARROW, epochs=30)
    MODEL.unlink()
    OUTPUTS.history.unlink()
    killed = start(2, NARROW, epochs=30)
    while not OUTPUTS.state.exists():
        assert killed.poll() is None
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGTERM)  # torchrun ends its processes
    killed.communicate()
    assert not MODEL.exists(), "it was killed before its end"
    assert OUTPUTS.state.exists()
    assert trained_together(2, NARROW, epochs=30) == whole


def test_processes_pretrain_together(folder: Path) -> None:
    prepare_classes()
    first = trained_together(2, NARROW, pretrain_epochs=1, epochs=1)
    assert trained_together(2, NARROW, pretrain_epochs=1, epochs=1) == first
    assert all(loss > 0 for loss in losses())


def test_batch_that_cannot_be_shared_is_one_line(folder: Path) -> None:
    prepare_classes()
    started = start(3, PLAIN, batch_size=8)
    printed = started.communicate()[0]
    assert started.returncode != 0
    assert "train.batch_size = 8: 3 processes cannot share it evenly" in printed


@pytest.mark.parametrize("mixing", [{}, {"mixup": 1.0, "cutmix": 1.0}])
def test_shares_make_up_the_batches_of_one(folder: Path, mixing: dict) -> None:
    prepare_classes()
    description = Description.read(DATA)
    augmentation = ImageAugmentation(flip="random", crop=2, cutout=3, policy="trivialaugment", jitter=0.2, **mixing)

    def batches(rank: int, count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        share = Processes(rank, count).share
        return list(ImageBatches(DATA, description, augmentation, 6, 0, torch.device("cpu"), share).train(1))

    whole, parts = batches(0, 1), [batches(rank, 3) for rank in range(3)]
    for number, (images, targets) in enumerate(whole):
        for rank in range(3):
            assert torch.equal(parts[rank][number][0], images[rank::3])
            assert torch.equal(parts[rank][number][1], targets[rank::3])
