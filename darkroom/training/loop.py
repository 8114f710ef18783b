"""The one training loop: every task, every model."""

import copy
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from darkroom.batches.images import ImageBatches
from darkroom.batches.pairs import PairBatches
from darkroom.common.errors import UserError
from darkroom.common.progress import progress
from darkroom.common.randomness import seed_for
from darkroom.models.zoo import bias_lr_factor
from darkroom.training.history import write_history
from darkroom.training.objective import Tally, cross_entropy, weighted_loss
from darkroom.training.parameters import TrainParameters
from darkroom.training.precision import autocast
from darkroom.training.schedule import learning_rate

STEPS_BETWEEN_LOOKS = 20  # at loss and score while an epoch runs: on a GPU each look waits for it


@dataclass(frozen=True)
class Job:
    """What the loop works with.

    Attributes:
        kind: `classification` or `segmentation`.
        classes: how many.
        precision: fp32, bf16 or fp16.
        history: the CSV file that gets one row an epoch.
    """

    kind: str
    classes: int
    parameters: TrainParameters
    seed: int
    device: torch.device
    precision: str
    history: Path


def fit(
    model: nn.Module,
    batches: ImageBatches | PairBatches,
    validation: Callable[[], Iterable[tuple[Tensor, Tensor]]],
    job: Job,
) -> dict[str, Tensor]:
    """Train `model` and return the weights of the epoch to keep.

    Args:
        validation: gives the batches of the validation split, which may be empty.

    Raises:
        UserError: the loss is no longer finite.
    """
    hyper, score_name = job.parameters, batches.description.score
    optimizer = _optimizer(model, hyper)
    scaler = torch.amp.GradScaler(job.device.type, enabled=job.precision == "fp16")
    steps = hyper.epochs * batches.steps
    warmup_steps = round(hyper.warmup_epochs * batches.steps)
    history: list[dict[str, float]] = []
    best, kept = -math.inf, model.state_dict()

    for epoch in range(hyper.epochs):
        torch.manual_seed(seed_for(job.seed, "model", epoch))  # for dropout and the like
        started = time.monotonic()
        bar = progress(batches.steps, f"epoch {epoch + 1}/{hyper.epochs}", unit="step", lines=False)
        tally = Tally(job.kind, job.classes, job.device)
        model.train()
        for number, (images, targets) in enumerate(batches.train(epoch), start=1):
            rate = learning_rate(epoch * batches.steps + number - 1, steps, warmup_steps, hyper.lr)
            for group in optimizer.param_groups:
                group["lr"] = rate * group["lr_factor"]
            with autocast(job.device, job.precision):
                logits = model(images)
            loss = weighted_loss(logits, targets, hyper.loss, hyper.label_smoothing)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            tally.add(logits.detach(), targets, loss)
            bar.update()
            if number % STEPS_BETWEEN_LOOKS == 0 or number == batches.steps:
                figures = tally.figures()
                speed = number * hyper.batch_size / (time.monotonic() - started)
                bar.set_postfix_str(
                    f"loss {figures['loss']:.3f}, {score_name} {figures[score_name]:.3f}, {speed:.0f} images/s"
                )
                if not math.isfinite(figures["loss"]):
                    raise UserError(
                        f"the loss is {figures['loss']} in epoch {epoch + 1}, step {number}, at learning rate "
                        f"{rate:.4g}: try a smaller train.lr or a longer train.warmup_epochs"
                    )
        bar.close()

        row = {"epoch": epoch + 1, "lr": rate} | {f"train_{name}": value for name, value in figures.items()}
        figures = evaluate(model, validation(), job)
        row |= {f"validation_{name}": value for name, value in figures.items()}
        history.append({name: round(value, 6) for name, value in row.items()})
        write_history(job.history, history)
        left = (hyper.epochs - epoch - 1) * (time.monotonic() - started)
        print(f"{_summary(row, score_name, hyper.epochs)}, {speed:.0f} images/s, {left:.0f} s left", flush=True)

        score = figures.get(score_name, math.inf)  # nothing to choose by: the last epoch it is
        if hyper.keep == "last" or score > best or score == math.inf:
            best, kept = score, copy.deepcopy(model.state_dict())
    return kept


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], job: Job) -> dict[str, float]:
    """Loss and scores of `model` over `batches`; empty where there are none."""
    model.eval()
    tally = Tally(job.kind, job.classes, job.device)
    for images, targets in batches:
        with autocast(job.device, job.precision):
            logits = model(images)
        tally.add(logits, targets, cross_entropy(logits, targets))
    return tally.figures() if tally.targets else {}


def _optimizer(model: nn.Module, hyper: TrainParameters) -> torch.optim.Optimizer:
    """The optimizer; biases and normalizations, all of one dimension, have no weight decay."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": hyper.weight_decay, "lr_factor": 1.0},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0, "lr_factor": bias_lr_factor(model)},
    ]
    if hyper.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=hyper.lr)
    return torch.optim.SGD(groups, lr=hyper.lr, momentum=hyper.momentum, nesterov=hyper.momentum > 0)


def _summary(row: dict[str, float], score_name: str, epochs: int) -> str:
    parts = [f"epoch {row['epoch']}/{epochs}"]
    for split in ("train", "validation"):
        if f"{split}_loss" in row:
            parts.append(f"{split} loss {row[f'{split}_loss']:.4f} {score_name} {row[f'{split}_{score_name}']:.4f}")
    return ", ".join(parts)
