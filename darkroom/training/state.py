"""The state of a training between two epochs, and its file. A training resumed from it gives the same bits."""

import hashlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from darkroom.common.files import in_order, replacing
from darkroom.common.parameters import Parameters
from darkroom.training.optimizers._base import build_optimizer
from darkroom.training.parameters import TrainParameters

CODE = Path(__file__).parents[1]
# The rooms whose code decides the bits of a trained model.
ROOMS = ("common", "device", "datasets", "batches", "models", "losses", "metrics", "training")
WITH_STATE_DICT = ("model", "average", "optimizer", "scaler")  # attributes of a state that are saved by state_dict()
VALUES = ("history", "costs", "kept", "micro_batch")  # attributes that are saved as they are


@dataclass
class State:
    """The state of a training after some number of epochs.

    Attributes:
        model: the network, with its current weights.
        average: the exponential moving average of the weights, or None.
        optimizer: the optimizer, with its momenta.
        scaler: the scaler of the loss, which fp16 needs.
        history: the metrics of each epoch: the rows of metrics/TASK/history.csv.
        costs: time and memory of each epoch.
        kept: the weights to keep: those of the best epoch so far, or of the last.
        micro_batch: how many images or points of each process's batch are in the network at once; None: all.
    """

    model: nn.Module
    average: AveragedModel | None
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    history: list[dict[str, float]] = field(default_factory=list)
    costs: list[dict[str, float]] = field(default_factory=list)
    kept: dict[str, Tensor] = field(default_factory=dict)
    micro_batch: int | None = None

    @property
    def evaluated(self) -> nn.Module:
        """The model to evaluate and to keep: the average if there is one."""
        return self.average.module if self.average else self.model


def start(
    model: nn.Module,
    hyper: TrainParameters,
    input_size: tuple[int, ...],
    device: torch.device,
    precision: str,
    bias_lr_factor: float = 1.0,
) -> State:
    """Return the state before the first epoch.

    Args:
        model: the network, on `device`.
        hyper: the section `train` of the parameters.
        input_size: (height, width) of the images in pixels, or (features,) of points.
        device: where the model is.
        precision: fp32, bf16 or fp16.
        bias_lr_factor: by how much biases learn faster than weights, as `Architecture` has it.
    """
    average = AveragedModel(model, multi_avg_fn=_averaging(hyper.ema), use_buffers=True) if hyper.ema else None
    optimizer = build_optimizer(model, hyper.optimizer, input_size, hyper.lr, hyper.weight_decay, bias_lr_factor)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
    return State(model, average, optimizer, scaler)


Tensors = tuple[Tensor, ...] | list[Tensor]


def _averaging(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """Return the function that updates an exponential moving average.

    The decay rises to `decay` with the number of steps, as in TensorFlow's ExponentialMovingAverage with `num_updates`.
    With a constant decay the untrained weights would dominate the average of a short training.
    """

    def update(averaged: Tensors, current: Tensors, steps: Tensor | int) -> None:
        step_decay = min(decay, (1 + int(steps)) / (10 + int(steps)))
        get_ema_multi_avg_fn(step_decay)(averaged, current, steps)  # type: ignore[no-untyped-call] # torch has no types

    return update


def save(state: State, path: Path, fingerprint: str) -> None:
    """Write the state to `path`, marked with the fingerprint of its training."""
    with replacing(path) as temporary:
        torch.save({"fingerprint": fingerprint} | _contents(state), temporary)


def snapshot(state: State) -> dict[str, Any]:
    """Return a copy of the state, with its tensors on the CPU, for `restore`."""
    buffer = BytesIO()
    torch.save(_contents(state), buffer)
    buffer.seek(0)
    copied: dict[str, Any] = torch.load(buffer, map_location="cpu", weights_only=True)
    return copied


def _contents(state: State) -> dict[str, Any]:
    return {
        "modules": {name: getattr(state, name).state_dict() for name in _with_state_dict(state)},
        "values": {name: getattr(state, name) for name in VALUES},
    }


def load(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """Return what `save` wrote, with its tensors on the CPU; None if it is damaged or has another fingerprint."""
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return saved if saved["fingerprint"] == fingerprint else None
    except (RuntimeError, KeyError, TypeError, EOFError, ValueError, pickle.UnpicklingError):
        return None


def restore(state: State, saved: dict[str, Any]) -> None:
    """Bring `state` to what `load` or `snapshot` returned."""
    for name in _with_state_dict(state):
        getattr(state, name).load_state_dict(saved["modules"][name])
    for name in VALUES:
        setattr(state, name, saved["values"][name])


def _with_state_dict(state: State) -> list[str]:
    return [name for name in WITH_STATE_DICT if getattr(state, name) is not None]


def fingerprint(
    parameters: Parameters, data: Path, device: torch.device, precision: str, processes: int, numerics: str
) -> str:
    """Return the SHA-256 of everything that decides the bits of a training.

    These are the parameters, the data, the code, the version of PyTorch, the device and the number of processes.

    Args:
        parameters: of the stage `train`.
        data: the folder of the prepared data set.
        device: where the model is trained.
        precision: fp32, bf16 or fp16.
        processes: how many processes train together.
        numerics: the result of `hash_numerics`, which differs between kinds of processors.
    """
    name = torch.cuda.get_device_name() if device.type == "cuda" else device.type
    digest = hashlib.sha256(
        f"{parameters.model_dump_json()} {torch.__version__} {name} {precision} "
        f"{torch.get_num_threads()} {processes} {numerics}".encode()
    )
    code = [path for room in ROOMS for path in (CODE / room).rglob("*.py")]
    for root, paths in ((CODE, code), (data, [path for path in data.rglob("*") if path.is_file()])):
        for path in in_order(paths):
            digest.update(f"\0{path.relative_to(root).as_posix()}\0".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
