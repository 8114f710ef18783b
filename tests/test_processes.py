"""Training of one model in several processes, as torchrun starts them, on the CPU."""

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
from darkroom.common.files import read_json
from darkroom.datasets.description import Description
from darkroom.training.processes import Processes

PLAIN = {"name": "simple_cnn"}  # without batch normalization
ROUNDING = 1e-4  # largest relative difference of losses: gradients are summed in another order


def start_training(processes: int, model: dict, **changes) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return subprocess.Popen(
        [*command, "-m", "train_small", json.dumps(model), json.dumps(changes)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def train_in_processes(processes: int, model: dict, **changes) -> tuple[bytes, bytes]:
    started = start_training(processes, model, **changes)
    output = started.communicate()[0]
    assert started.returncode == 0, output
    return MODEL.read_bytes(), (METRICS / "history.csv").read_bytes()


def read_losses() -> list[float]:
    with OUTPUTS.history.open() as file:
        return [float(row[name]) for row in csv.DictReader(file) for name in ("train_loss", "validation_loss")]


@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_give_the_losses_of_one(folder: Path, processes: int) -> None:
    prepare_classes()
    trained(classification(PLAIN, batch_size=6))
    expected = read_losses()
    train_in_processes(processes, PLAIN, batch_size=6)
    assert read_losses() == pytest.approx(expected, rel=ROUNDING)
    assert expected[0] != pytest.approx(expected[-2], rel=0.01), "the training loss changes"


def test_parts_of_batches_in_several_processes_give_the_losses_of_one(folder: Path) -> None:
    prepare_classes()
    trained(classification(PLAIN, batch_size=12))
    expected = read_losses()
    train_in_processes(2, PLAIN, batch_size=12, micro_batch=4)
    assert read_losses() == pytest.approx(expected, rel=ROUNDING)
    assert read_json(OUTPUTS.costs)["micro_batch"] == 3, "of the six that each gets"


@posix
def test_killed_processes_resume_to_the_same_bytes(folder: Path) -> None:
    prepare_classes()
    expected = train_in_processes(2, NARROW, epochs=30)
    MODEL.unlink()
    OUTPUTS.history.unlink()
    killed = start_training(2, NARROW, epochs=30)
    while not OUTPUTS.state.exists():
        assert killed.poll() is None
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGTERM)  # torchrun then ends its processes
    killed.communicate()
    assert not MODEL.exists(), "training was killed before it ended"
    assert OUTPUTS.state.exists()
    assert train_in_processes(2, NARROW, epochs=30) == expected


def test_pretraining_in_several_processes_is_reproducible(folder: Path) -> None:
    prepare_classes()
    first = train_in_processes(2, NARROW, pretrain_epochs=1, epochs=1)
    assert train_in_processes(2, NARROW, pretrain_epochs=1, epochs=1) == first
    assert all(loss > 0 for loss in read_losses())


def test_batch_size_that_processes_cannot_share_is_refused(folder: Path) -> None:
    prepare_classes()
    started = start_training(3, PLAIN, batch_size=8)
    output = started.communicate()[0]
    assert started.returncode != 0
    assert "train.batch_size = 8: 3 processes cannot share it evenly" in output


@pytest.mark.parametrize("mixing", [{}, {"mixup": 1.0, "cutmix": 1.0}])
def test_shares_of_the_processes_make_up_the_whole_batch(folder: Path, mixing: dict) -> None:
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
