"""The training loop of every task and model."""

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice, tee

import torch
from torch import Tensor, nn

from darkroom.batches.images import ImageBatches
from darkroom.common.errors import UserError
from darkroom.common.numbers import round_metric
from darkroom.common.progress import progress
from darkroom.common.randomness import seed_for
from darkroom.datasets.kinds import kind_of
from darkroom.device.precision import autocast, tally_device
from darkroom.metrics.kinds import KindMetrics, metrics_of
from darkroom.training.class_weights import compute_class_weights
from darkroom.training.contrastive import contrastive_objective
from darkroom.training.cost import peak_memory, reset_peak_memory
from darkroom.training.failures import explain, explain_errors
from darkroom.training.history import best_row
from darkroom.training.micro_batch import split_batches
from darkroom.training.parameters import Batches, TrainParameters
from darkroom.training.processes import ALONE, Processes, broadcast_buffers, data_parallel, sum_over_processes
from darkroom.training.schedules._base import learning_rate
from darkroom.training.state import State

SHORT_EPOCH, LOG_EVERY = 1.0, 10  # print every 10th epoch if epochs take less than a second
STEPS_BETWEEN_READINGS = 20  # between updates of the progress bar: reading loss and score waits for the GPU

Forward = Callable[[Tensor], Tensor]  # inputs → the model's outputs


@dataclass(frozen=True)
class Run:
    """The settings of one training.

    Attributes:
        kind: the kind of task.
        outputs: how many numbers the model gives for each image, pixel or point.
        parameters: the section `train` of the parameters.
        seed: seed of all random draws.
        device: where the model is.
        precision: fp32, bf16 or fp16.
        predict: yields the model's outputs for batches of validation inputs, which may be larger than those of
            training.
        processes: the processes that train together.
        unit: for regression, the standard deviation of the targets. They are standardized.
    """

    kind: str
    outputs: int
    parameters: TrainParameters
    seed: int
    device: torch.device
    precision: str
    predict: Callable[[Forward, Iterable[Tensor]], Iterator[Tensor]] = map
    processes: Processes = ALONE
    unit: float = 1.0

    @property
    def metrics(self) -> KindMetrics:
        """The metrics of the kind of task."""
        return metrics_of(self.kind)

    @property
    def score(self) -> str:
        """The metric that decides which epoch is best."""
        return kind_of(self.kind).SCORE


Objective = Callable[[Forward, Tensor, Tensor], tuple[Tensor, Tensor]]  # forward, inputs, targets → outputs, loss


@dataclass(frozen=True)
class Phase:
    """Epochs that share one objective and one learning rate schedule: pre-training, or training itself.

    Attributes:
        start: index of the first epoch.
        epochs: how many epochs the phase has.
        batches: returns the batches of the epoch of an index.
        objective: what the phase minimizes.
    """

    start: int
    epochs: int
    batches: Callable[[int], Iterable[tuple[Tensor, Tensor]]]
    objective: Objective


def fit(
    state: State,
    batches: Batches,
    validation: Callable[[], Iterable[tuple[Tensor, Tensor]]],
    run: Run,
    after_epoch: Callable[[State], None],
) -> None:
    """Train up to the last epoch. The weights to keep are in `state.kept` afterwards.

    Args:
        state: a new state, or a restored one to go on from. It is changed in place.
        batches: batches of the training split.
        validation: returns the batches of the validation split, which may be empty.
        run: the settings.
        after_epoch: called with the state after each epoch.

    Raises:
        OutOfMemory: memory ran out.
        UserError: the loss is not finite, or the model uses an operation that is not deterministic.
    """
    hyper, score_name = run.parameters, run.score
    model = data_parallel(state.model, run.processes)
    forward: Forward = model
    if hyper.compile:
        # This tells the compiler too.
        torch.use_deterministic_algorithms(hyper.deterministic, warn_only=run.device.type == "mps")
        forward = torch.compile(model)
        getattr(state.optimizer, "compile", lambda: None)()  # Muon has it
    phases = phases_of(state, batches, run)
    last = hyper.pretrain_epochs + hyper.epochs
    for epoch in range(len(state.history), last):
        scores = [row[f"validation_{score_name}"] for row in state.history if f"validation_{score_name}" in row]
        waited = epochs_waited(scores[hyper.pretrain_epochs :], hyper.min_delta)
        if hyper.patience is not None and waited >= hyper.patience:
            run.processes.print(
                f"stopped after epoch {epoch}: no better validation {score_name} for {hyper.patience} epochs"
            )
            break
        reset_peak_memory(run.device)
        started = time.perf_counter()
        torch.manual_seed(seed_for(run.seed, "model", epoch, run.processes.rank))  # for dropout
        phase = next(phase for phase in reversed(phases) if epoch >= phase.start)
        trained, rate = _train_epoch(state, forward, batches, run, phase, epoch)
        seconds = time.perf_counter() - started
        broadcast_buffers(state.evaluated, run.processes)
        validated = evaluate(state.evaluated, validation(), run)

        row = {"epoch": epoch + 1, "lr": rate}
        row |= {f"train_{name}": value for name, value in trained.items()}
        row |= {f"validation_{name}": value for name, value in validated.items()}
        state.history.append({name: round_metric(value) for name, value in row.items()})
        speed = batches.steps * hyper.batch_size / seconds
        state.costs.append({"seconds": seconds, "images_per_second": speed, "peak_memory_mb": peak_memory(run.device)})
        if hyper.keep == "last" or not validated or best_row(state.history, score_name) is state.history[-1]:
            state.kept = copy.deepcopy(state.evaluated.state_dict())
        after_epoch(state)
        epoch_seconds = time.perf_counter() - started  # with validation and the writing of the state
        left = (last - epoch - 1) * epoch_seconds
        if epoch_seconds >= SHORT_EPOCH or (epoch + 1) % LOG_EVERY == 0 or epoch in (0, last - 1):
            run.processes.print(f"{_summary(row, score_name, last)}, {speed:.0f} {batches.unit}/s, {left:.0f} s left")


def phases_of(state: State, batches: Batches, run: Run) -> list[Phase]:
    """Return the phases of a training in their order. The arguments are those of `fit`."""
    hyper, phases = run.parameters, []
    class_weights = None
    if hyper.class_weights != "none":
        class_weights = compute_class_weights(hyper.class_weights, batches.class_counts()).to(run.device)
    if hyper.pretrain_epochs:
        assert isinstance(batches, ImageBatches)  # for other batches the parameters refuse pre-training
        objective = contrastive_objective(state.model, hyper.temperature)
        phases.append(Phase(0, hyper.pretrain_epochs, batches.two_views, objective))
    objective = supervised_objective(hyper, class_weights)
    return [*phases, Phase(hyper.pretrain_epochs, hyper.epochs, batches.train, objective)]


def _train_epoch(
    state: State,
    forward: Forward,
    batches: Batches,
    run: Run,
    phase: Phase,
    epoch: int,
) -> tuple[dict[str, float], float]:
    """Train one epoch. Return the metrics of its batches and its last learning rate."""
    hyper, score_name = run.parameters, run.score
    last = hyper.pretrain_epochs + hyper.epochs
    bar = progress(batches.steps, f"epoch {epoch + 1}/{last}", unit="step", lines=False, shown=run.processes.is_main)
    tally = run.metrics.new_tally(
        run.outputs, run.device, partial(sum_over_processes, processes=run.processes), run.unit
    )
    # Sum of the objective over batches, and their number.
    loss_sum = torch.zeros(2, dtype=torch.float64, device=tally_device(run.device))
    state.model.train()
    started, number, rate = time.perf_counter(), 0, 0.0
    stream = explain_errors(phase.batches(epoch), hyper, f"in epoch {epoch + 1}")
    while step_batches := list(islice(stream, hyper.accumulate)):
        step = (epoch - phase.start) * batches.steps + number
        warmup_steps = round(hyper.warmup_epochs * batches.steps)
        rate = learning_rate(hyper.schedule, hyper.lr, step, phase.epochs * batches.steps, warmup_steps)
        for group in state.optimizer.param_groups:
            group["lr"] = rate * group["lr_factor"]
        readings, number = number // STEPS_BETWEEN_READINGS, number + len(step_batches)
        where = f"in epoch {epoch + 1}, step {number}, at learning rate {rate:.4g}"
        try:
            parts = split_batches(step_batches, state.micro_batch)
            results = train_step(state, forward, parts, run, phase.objective)
        except RuntimeError as error:
            raise explain(error, hyper, where) from None
        for logits, targets, loss in results:
            tally.add(logits, targets, run.metrics.loss(logits, targets))
            summand = loss.to(loss_sum.device).double()
            loss_sum += torch.stack([summand, torch.ones_like(summand)])
        bar.update(len(step_batches))
        if number // STEPS_BETWEEN_READINGS > readings or number == batches.steps:
            metrics, objective = tally.compute(), _mean(loss_sum, run.processes)
            speed = number * hyper.batch_size / (time.perf_counter() - started)
            bar.set_postfix_str(
                f"objective {objective:.3f}, {score_name} {metrics[score_name]:.3f}, {speed:.0f} {batches.unit}/s"
            )
            if not math.isfinite(objective):
                raise UserError(
                    f"the loss is {objective} {where}: try a smaller train.lr, a longer train.warmup_epochs or "
                    "train.clip_norm"
                )
    bar.close()
    return {"objective": _mean(loss_sum, run.processes)} | tally.compute(), rate


def _mean(sum_and_count: Tensor, processes: Processes) -> float:
    """Return the mean over all processes from this process's sum and count, float64 (2,)."""
    total, count = sum_over_processes(sum_and_count, processes).tolist()
    return float(total / count)


def train_step(
    state: State,
    forward: Forward,
    batches: list[tuple[Tensor, Tensor]],
    run: Run,
    objective: Objective,
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Make one step of the optimizer on the mean gradient of several batches, or parts of batches, of one size.

    Args:
        state: its model, optimizer and average are changed in place.
        forward: calls the model, perhaps compiled or data-parallel.
        batches: inputs and targets of each batch.
        run: the settings.
        objective: what to minimize.

    Returns:
        The outputs, targets and loss of each batch, detached.
    """
    hyper = run.parameters
    results: list[tuple[Tensor, Tensor, Tensor]] = []

    def cast_forward(images: Tensor) -> Tensor:
        with autocast(run.device, run.precision):
            return forward(images)

    state.optimizer.zero_grad(set_to_none=True)
    for number, (images, targets) in enumerate(batches, start=1):
        # Data-parallel processes exchange gradients at the last batch alone.
        with nullcontext() if number == len(batches) else getattr(forward, "no_sync", nullcontext)():
            logits, loss = objective(cast_forward, images, targets)
            state.scaler.scale(loss / len(batches)).backward()  # type: ignore[no-untyped-call] # has no types
        results.append((logits.detach(), targets, loss.detach()))
    if hyper.clip_norm is not None:
        state.scaler.unscale_(state.optimizer)
        nn.utils.clip_grad_norm_(state.model.parameters(), hyper.clip_norm)
    with autocast(run.device, run.precision):  # for Muon's matrix products
        state.scaler.step(state.optimizer)
    state.scaler.update()
    if state.average is not None:
        state.average.update_parameters(state.model)
    return results


def supervised_objective(hyper: TrainParameters, class_weights: Tensor | None = None) -> Objective:
    """Return the objective that minimizes the weighted sum of the losses of `train.loss`.

    Args:
        hyper: the section `train` of the parameters.
        class_weights: float (classes,), or None if all weigh the same.
    """

    def objective(forward: Forward, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        outputs = forward(inputs)
        return outputs, hyper.loss.compute(outputs, targets, hyper.label_smoothing, class_weights)

    return objective


def epochs_waited(scores: list[float], min_delta: float) -> int:
    """Return how many scores came since the last improvement by more than `min_delta`."""
    best, waited = -math.inf, 0
    for score in scores:
        best, waited = (score, 0) if score > best + min_delta else (best, waited + 1)
    return waited


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], run: Run) -> dict[str, float]:
    """Return the metrics of `model` over `batches`, or an empty dictionary if there are no batches.

    Processes that train together share the batches out.
    """
    sum_counts = partial(sum_over_processes, processes=run.processes)
    tally = run.metrics.new_tally(run.outputs, run.device, sum_counts, run.unit)
    for outputs, targets in predict(model, batches, run):
        tally.add(outputs, targets, run.metrics.loss(outputs, targets))
    return tally.compute() if sum_counts(tally.targets) else {}


@torch.inference_mode()
def predict(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], run: Run) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the outputs of `model` for this process's share of `batches`, and the targets."""
    model.eval()

    def forward(inputs: Tensor) -> Tensor:
        with autocast(run.device, run.precision):
            outputs: Tensor = model(inputs)
        return outputs

    # Outputs may come some batches later than their inputs, since windows of several images are predicted together.
    predicted, compared = tee(islice(batches, run.processes.rank, None, run.processes.count))
    outputs = run.predict(forward, (inputs for inputs, _ in predicted))
    for output, (_, targets) in zip(outputs, compared, strict=True):
        yield output, targets


def _summary(row: dict[str, float], score_name: str, epochs: int) -> str:
    """Return the line that is printed about an epoch."""
    parts = [f"epoch {row['epoch']}/{epochs}"]
    for split in ("train", "validation"):
        if f"{split}_loss" in row:
            parts.append(f"{split} loss {row[f'{split}_loss']:.4f} {score_name} {row[f'{split}_{score_name}']:.4f}")
    return ", ".join(parts)
