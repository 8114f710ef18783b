"""What a run is between two epochs, and its file: enough to go on after a kill as if nothing had happened."""

import hashlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from darkroom.common.files import replacing
from darkroom.common.parameters import Parameters
from darkroom.training.optimizers._base import build_optimizer
from darkroom.training.parameters import TrainParameters

CODE = Path(__file__).parents[1]
ROOMS = ("common", "device", "datasets", "batches", "models", "losses", "metrics", "training")  # decide the bits
MODULES = ("model", "average", "optimizer", "scaler")  # of a state, saved by their state_dict, where there are any
VALUES = ("history", "costs", "kept")  # of a state, saved as they are


@dataclass
class State:
    """A run after some whole epochs.

    Attributes:
        average: the exponential average of the weights, None where there is none.
        history: the figures of each epoch, a row of metrics/TASK/history.csv each.
        costs: time and memory of each epoch.
        kept: the weights to keep, those of the best epoch so far or of the last.
    """

    model: nn.Module
    average: AveragedModel | None
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    history: list[dict[str, float]] = field(default_factory=list)
    costs: list[dict[str, float]] = field(default_factory=list)
    kept: dict[str, Tensor] = field(default_factory=dict)

    @property
    def evaluated(self) -> nn.Module:
        """The model that is tried and kept: the average where there is one."""
        return self.average.module if self.average else self.model


def start(
    model: nn.Module, hyper: TrainParameters, device: torch.device, precision: str, bias_lr_factor: float = 1.0
) -> State:
    """Return the state before the first epoch; `bias_lr_factor` is the architecture's."""
    average = AveragedModel(model, multi_avg_fn=_warmed_up(hyper.ema), use_buffers=True) if hyper.ema else None
    optimizer = build_optimizer(model, hyper.optimizer, hyper.lr, hyper.weight_decay, bias_lr_factor)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
    return State(model, average, optimizer, scaler)


def _warmed_up(decay: float) -> Callable[[list[Tensor], list[Tensor], Tensor], None]:
    """What averages weights exponentially, by less than `decay` at first, or the first ones would outweigh a short run.

    It rises by the step as TensorFlow's ExponentialMovingAverage has it from its `num_updates`.
    """

    def update(averaged: list[Tensor], current: list[Tensor], steps: Tensor) -> None:
        get_ema_multi_avg_fn(min(decay, (1 + int(steps)) / (10 + int(steps))))(averaged, current, steps)

    return update


def save(state: State, path: Path, fingerprint: str) -> None:
    """Write the state whole or not at all."""
    with replacing(path) as temporary:
        torch.save(
            {
                "fingerprint": fingerprint,
                "modules": {name: getattr(state, name).state_dict() for name in _modules(state)},
                "values": {name: getattr(state, name) for name in VALUES},
            },
            temporary,
        )


def restore(state: State, path: Path, fingerprint: str) -> bool:
    """Bring `state` to where the file at `path` left off; False where it is of another run, or damaged."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        if saved["fingerprint"] != fingerprint:
            return False
    except (RuntimeError, KeyError, TypeError, EOFError, ValueError, pickle.UnpicklingError):
        return False
    for name in _modules(state):
        getattr(state, name).load_state_dict(saved["modules"][name])
    for name in VALUES:
        setattr(state, name, saved["values"][name])
    return True


def _modules(state: State) -> list[str]:
    return [name for name in MODULES if getattr(state, name) is not None]


def fingerprint(
    parameters: Parameters, data: Path, device: torch.device, precision: str, processes: int, numerics: str
) -> str:
    """The SHA-256 of all that decides the bits of a run: parameters, data, code, torch, device and processes.

    Args:
        numerics: the hash of what the device computes, which differs between kinds of processors.
    """
    name = torch.cuda.get_device_name() if device.type == "cuda" else device.type
    digest = hashlib.sha256(
        f"{parameters.model_dump_json()} {torch.__version__} {name} {precision} "
        f"{torch.get_num_threads()} {processes} {numerics}".encode()
    )
    code = [path for room in ROOMS for path in (CODE / room).rglob("*.py")]
    for root, paths in ((CODE, code), (data, [path for path in data.rglob("*") if path.is_file()])):
        for path in sorted(paths):
            digest.update(f"\0{path.relative_to(root).as_posix()}\0".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
