"""The one training loop: every task, every model."""

import copy
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from darkroom.batches.images import ImageBatches
from darkroom.batches.pairs import PairBatches
from darkroom.batches.points import PointBatches
from darkroom.common.errors import UserError
from darkroom.common.numbers import round_metric
from darkroom.common.progress import progress
from darkroom.common.randomness import seed_for
from darkroom.device.precision import autocast
from darkroom.losses.class_weights import class_weights
from darkroom.losses.named import weighted_loss
from darkroom.metrics.named import METRICS
from darkroom.models.windows import windowed_logits
from darkroom.training.contrastive import contrastive_objective
from darkroom.training.cost import peak_memory
from darkroom.training.failures import explained
from darkroom.training.history import best_row
from darkroom.training.parameters import TrainParameters
from darkroom.training.processes import ALONE, Processes, broadcast_buffers, data_parallel, sum_over_processes
from darkroom.training.schedule import learning_rate
from darkroom.training.state import State

SHORT_EPOCH, TOLD_OF_SHORT = 1.0, 10  # of epochs under so many seconds, one in so many is told of
STEPS_BETWEEN_LOOKS = 20  # at loss and score while an epoch runs: on a GPU each look waits for it


@dataclass(frozen=True)
class Job:
    """What the loop works with.

    Attributes:
        kind: of `METRICS`.
        classes: how many.
        precision: fp32, bf16 or fp16.
        window: (height, width) of the windows that validation images are shown by; None: whole.
        processes: that train together.
        unit: of a regression's targets, which are standardized: their deviation, for figures in their own unit.
    """

    kind: str
    classes: int
    parameters: TrainParameters
    seed: int
    device: torch.device
    precision: str
    window: tuple[int, int] | None = None
    processes: Processes = ALONE
    unit: float = 1.0


Objective = Callable[[Callable[[Tensor], Tensor], Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Phase:
    """Epochs that the learning rate rises and falls over, from the one numbered `start` on.

    Attributes:
        batches: gives those of an epoch.
        objective: gives logits and loss of a forward pass, images and targets.
    """

    start: int
    epochs: int
    batches: Callable[[int], Iterable[tuple[Tensor, Tensor]]]
    objective: Objective


def fit(
    state: State,
    batches: ImageBatches | PairBatches | PointBatches,
    validation: Callable[[], Iterable[tuple[Tensor, Tensor]]],
    job: Job,
    after_epoch: Callable[[State], None],
) -> None:
    """Train from where `state` is to the last epoch; `state.kept` has the weights to keep then.

    Args:
        validation: gives the batches of the validation split, which may be empty.
        after_epoch: is told the state after each epoch.

    Raises:
        UserError: the loss is no longer finite, the memory is full, or the model cannot be trained alike at every run.
    """
    hyper, score_name = job.parameters, batches.description.score
    model = data_parallel(state.model, job.processes)
    forward = torch.compile(model) if hyper.compile else model
    weights = None
    if hyper.class_weights != "none":
        weights = class_weights(hyper.class_weights, batches.class_counts()).to(job.device)

    supervised = supervised_objective(hyper, weights)
    contrastive = contrastive_objective(state.model, hyper.temperature)
    last = hyper.pretrain_epochs + hyper.epochs
    for epoch in range(len(state.history), last):
        scores = [row[f"validation_{score_name}"] for row in state.history if f"validation_{score_name}" in row]
        waited = epochs_waited(scores[hyper.pretrain_epochs :], hyper.min_delta)
        if hyper.patience is not None and waited >= hyper.patience:
            job.processes.tell(
                f"no better validation {score_name} for {hyper.patience} epochs: stopped after epoch {epoch}"
            )
            break
        started = time.monotonic()
        torch.manual_seed(seed_for(job.seed, "model", epoch, job.processes.rank))  # for dropout and the like
        if epoch < hyper.pretrain_epochs:
            phase = Phase(0, hyper.pretrain_epochs, batches.two_views, contrastive)
        else:
            phase = Phase(hyper.pretrain_epochs, hyper.epochs, batches.train, supervised)
        trained, rate = _train_epoch(state, forward, batches, job, phase, epoch)
        seconds = time.monotonic() - started
        broadcast_buffers(state.evaluated, job.processes)
        validated = evaluate(state.evaluated, validation(), job)

        row = {"epoch": epoch + 1, "lr": rate}
        row |= {f"train_{name}": value for name, value in trained.items()}
        row |= {f"validation_{name}": value for name, value in validated.items()}
        state.history.append({name: round_metric(value) for name, value in row.items()})
        speed = batches.steps * hyper.batch_size / seconds
        state.costs.append({"seconds": seconds, "images_per_second": speed, "peak_memory_mb": peak_memory(job.device)})
        if hyper.keep == "last" or not validated or best_row(state.history, score_name) is state.history[-1]:
            state.kept = copy.deepcopy(state.evaluated.state_dict())
        after_epoch(state)
        whole = time.monotonic() - started
        left = (last - epoch - 1) * whole
        if whole >= SHORT_EPOCH or (epoch + 1) % TOLD_OF_SHORT == 0 or epoch in (0, last - 1):
            job.processes.tell(f"{_summary(row, score_name, last)}, {speed:.0f} {batches.unit}/s, {left:.0f} s left")


def _train_epoch(
    state: State,
    forward: Callable[[Tensor], Tensor],
    batches: ImageBatches | PairBatches | PointBatches,
    job: Job,
    phase: Phase,
    epoch: int,
) -> tuple[dict[str, float], float]:
    """One epoch; the figures of its batches and its last learning rate."""
    hyper, score_name = job.parameters, batches.description.score
    shown = job.processes.writes
    last = hyper.pretrain_epochs + hyper.epochs
    bar = progress(batches.steps, f"epoch {epoch + 1}/{last}", unit="step", lines=False, shown=shown)
    new_tally = METRICS[job.kind].tally
    tally = new_tally(job.kind, job.classes, job.device, lambda own: sum_over_processes(own, job.processes), job.unit)
    minimized = torch.zeros(2, dtype=torch.float64, device=job.device)  # the sum over batches, and how many they are
    state.model.train()
    started, number, rate = time.monotonic(), 0, 0.0
    stream = iter(phase.batches(epoch))
    while together := list(islice(stream, hyper.accumulate)):
        step = (epoch - phase.start) * batches.steps + number
        rate = learning_rate(hyper, step, phase.epochs * batches.steps, batches.steps)
        for group in state.optimizer.param_groups:
            group["lr"] = rate * group["lr_factor"]
        looked, number = number // STEPS_BETWEEN_LOOKS, number + len(together)
        where = f"in epoch {epoch + 1}, step {number}, at learning rate {rate:.4g}"
        try:
            seen = train_step(state, forward, together, job, phase.objective)
        except RuntimeError as error:
            raise explained(error, hyper, where) from None
        for logits, targets, loss in seen:
            tally.add(logits, targets, METRICS[job.kind].loss(logits, targets))
            minimized += torch.stack([loss.double(), torch.ones_like(loss, dtype=torch.float64)])
        bar.update(len(together))
        if number // STEPS_BETWEEN_LOOKS > looked or number == batches.steps:
            figures, objective = tally.figures(), _mean(minimized, job.processes)
            speed = number * hyper.batch_size / (time.monotonic() - started)
            bar.set_postfix_str(
                f"objective {objective:.3f}, {score_name} {figures[score_name]:.3f}, {speed:.0f} {batches.unit}/s"
            )
            if not math.isfinite(objective):
                raise UserError(
                    f"the loss is {objective} {where}: try a smaller train.lr, a longer train.warmup_epochs or "
                    "train.clip_norm"
                )
    bar.close()
    return {"objective": _mean(minimized, job.processes)} | tally.figures(), rate


def _mean(sum_and_count: Tensor, processes: Processes) -> float:
    total, count = sum_over_processes(sum_and_count, processes).tolist()
    return total / count


def train_step(
    state: State,
    forward: Callable[[Tensor], Tensor],
    together: list[tuple[Tensor, Tensor]],
    job: Job,
    objective: Objective,
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """One step of the optimizer on the gradients of all batches in `together`; each one's logits, targets and loss."""
    hyper, seen = job.parameters, []

    def cast_forward(images: Tensor) -> Tensor:
        with autocast(job.device, job.precision):
            return forward(images)

    state.optimizer.zero_grad(set_to_none=True)
    for images, targets in together:
        logits, loss = objective(cast_forward, images, targets)
        state.scaler.scale(loss / len(together)).backward()
        seen.append((logits.detach(), targets, loss.detach()))
    if hyper.clip_norm is not None:
        state.scaler.unscale_(state.optimizer)
        nn.utils.clip_grad_norm_(state.model.parameters(), hyper.clip_norm)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    if state.average is not None:
        state.average.update_parameters(state.model)
    return seen


def supervised_objective(hyper: TrainParameters, weights: Tensor | None = None) -> Objective:
    """What gives the logits of images, and the loss that `hyper` names, `weights` those of the classes."""

    def objective(forward: Callable[[Tensor], Tensor], images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = forward(images)
        return logits, weighted_loss(logits, targets, hyper.loss, hyper.label_smoothing, weights)

    return objective


def epochs_waited(scores: list[float], min_delta: float) -> int:
    """How many of the last `scores` were not better, by more than `min_delta`, than the best before them."""
    best, waited = -math.inf, 0
    for score in scores:
        best, waited = (score, 0) if score > best + min_delta else (best, waited + 1)
    return waited


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], job: Job) -> dict[str, float]:
    """Loss and scores of `model` over `batches`; empty where there are none."""
    model.eval()
    metrics = METRICS[job.kind]
    tally = metrics.tally(job.kind, job.classes, job.device, unit=job.unit)
    for images, targets in batches:
        with autocast(job.device, job.precision):
            logits = model(images) if job.window is None else windowed_logits(model, images, job.window)
        tally.add(logits, targets, metrics.loss(logits, targets))
    return tally.figures() if tally.targets else {}


def _summary(row: dict[str, float], score_name: str, epochs: int) -> str:
    parts = [f"epoch {row['epoch']}/{epochs}"]
    for split in ("train", "validation"):
        if f"{split}_loss" in row:
            parts.append(f"{split} loss {row[f'{split}_loss']:.4f} {score_name} {row[f'{split}_{score_name}']:.4f}")
    return ", ".join(parts)
