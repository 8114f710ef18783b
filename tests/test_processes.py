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
import torch.distributed as distributed
from conftest import ROOT, posix
from small_runs import DATA, METRICS, MODEL, NARROW, OUTPUTS, architecture, classification, prepare_classes, trained

from darkroom.batches.images import ImageBatches
from darkroom.batches.parameters import ImageAugmentation
from darkroom.common.files import read_json
from darkroom.datasets.description import Description
from darkroom.models.architecture import Architecture, architectures
from darkroom.training.processes import Processes, data_parallel

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


# wrn_16_8 and wrn_28_10 have the layers of wrn_16_1, and take seconds.
MODELS = [architecture(name) for name in architectures("classification") if name not in ("wrn_16_8", "wrn_28_10")]
MODELS += [architecture(name, encoder_depth=3) for name in architectures("segmentation")]
MODELS += [architecture("unet", encoder="efficientnet-b0")]


@pytest.mark.parametrize("parameters", MODELS, ids=lambda model: f"{model.name}-{getattr(model, 'encoder', '')}")
def test_trained_weights_have_gradients_that_lie_in_memory_as_they_do(parameters: Architecture) -> None:
    """DistributedDataParallel waits for each gradient, and copies those of another layout with a warning."""
    model = parameters.build(3, (32, 32)).to(memory_format=torch.channels_last)
    model(torch.rand(2, 3, 32, 32).to(memory_format=torch.channels_last)).square().mean().backward()
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            assert weight.grad is not None, name
            assert weight.grad.stride() == weight.stride(), name


def test_a_step_sends_gradients_alone_and_does_not_copy_them_back(tmp_path: Path) -> None:
    distributed.init_process_group("gloo", init_method=(tmp_path / "store").as_uri(), rank=0, world_size=1)
    try:
        model = architecture(**NARROW).build(2, (32, 32)).to(memory_format=torch.channels_last)
        parallel = data_parallel(model, Processes(0, 2))
        parallel(torch.rand(2, 3, 32, 32).to(memory_format=torch.channels_last)).sum().backward()
        sends_buffers = parallel.will_sync_module_buffers()
        storages = {weight.grad.untyped_storage().data_ptr() for weight in model.parameters() if weight.requires_grad}
    finally:
        distributed.destroy_process_group()
    assert not sends_buffers
    assert len(storages) == 1, "all gradients lie in the bucket that is sent"


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
