"""Simulate how often the intervals of metrics hold the true value: 95 % is what they promise.

    python -m bench.coverage                    # 1,000 simulations of each setting, some minutes on two cores
    python -m bench.coverage --simulations 200

Each setting is a population whose metrics are known, from a formula or from many draws. A simulation draws a test split
of n images from it and computes the intervals as the stage `evaluate` does, with 400 bootstrap samples instead of
1,000. It prints a Markdown table: the share of the simulations whose interval holds the true value, and the mean width.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binom

from darkroom.common.parallel import on_all_cores
from darkroom.common.randomness import seed_for
from darkroom.evaluation import intervals
from darkroom.evaluation.classifier import class_intervals, class_metrics, error_of_logits
from darkroom.evaluation.intervals import Interval, accuracy_difference, proportion_interval
from darkroom.evaluation.kinds.regression import error_intervals
from darkroom.evaluation.kinds.segmentation import overlap_difference, overlap_intervals

Intervals = dict[str, Interval | None]
POPULATION = 400_000  # draws of which the true values are computed


def classifier(
    draw: np.random.Generator, n: int, classes: int, separation: float, sureness: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits float32 (n, classes) and labels of a classifier that is calibrated where `sureness` is 1."""
    labels = draw.integers(0, classes, n)
    logits = draw.standard_normal((n, classes))
    logits[np.arange(n), labels] += separation
    return torch.from_numpy(sureness * separation * logits).float(), torch.from_numpy(labels)


def classifier_truth(logits: torch.Tensor, labels: torch.Tensor, sureness: float) -> dict[str, float]:
    """Return the metrics of many draws."""
    classes = logits.shape[1]
    best = logits.topk(min(5, classes)).indices
    pairs = (labels * classes + best[:, 0]).numpy()
    confusion = np.bincount(pairs, minlength=classes**2).reshape(classes, -1)
    return {
        "loss": float(torch.nn.functional.cross_entropy(logits, labels)),
        "accuracy": float((best[:, 0] == labels).double().mean()),
        "top5_accuracy": float((best == labels[:, None]).any(1).double().mean()),
        **{f"macro_{name}": float(values.mean()) for name, values in class_metrics(confusion).items()},
        "expected_calibration_error": 0.0 if sureness == 1 else error_of_logits(logits, labels),
    }


def masks(
    draw: np.random.Generator, n: int, classes: int, presence: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return pixels of n images by class, right, true and predicted ones, int64 (n, 3, classes), and losses.

    An image has a class with the probability `presence`. How well an image is segmented differs by image and class.
    """
    areas = draw.lognormal(0, 1, (n, classes)) * np.linspace(3, 0.3, classes) * (draw.random((n, classes)) < presence)
    areas[:, 0] += 4
    true = np.round(10_000 * areas / areas.sum(1, keepdims=True))
    right = np.round(true * draw.beta(6, 1.2, (n, classes)))
    missed, predicted = true - right, right.copy()
    predicted[:, 0] += missed[:, 1:].sum(1)
    predicted[np.arange(n), draw.integers(1, classes, n)] += missed[:, 0]
    losses = missed.sum(1) * draw.lognormal(0, 0.5, n)
    return np.stack([right, true, predicted], 1).astype(np.int64), losses


def two_masks(
    draw: np.random.Generator, n: int, classes: int, presence: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pixels as `masks` does, of two models on the same images. The second one loses some of the foreground."""
    first, _ = masks(draw, n, classes, presence)
    second = first.copy()
    lost = np.round(first[:, 0, 1:] * draw.beta(0.5, 10, (n, classes - 1))).astype(np.int64)
    second[:, [0, 2], 1:] -= lost[:, None]
    second[:, 2, 0] += lost.sum(1)
    return first, second


def masks_truth(counts: NDArray[np.int64], losses: NDArray[np.float64]) -> dict[str, float]:
    """Return the metrics of many draws."""
    right, true, predicted = counts.sum(0)
    return {
        "loss": float(losses.sum() / true.sum()),
        "mean_iou": float((right / (true + predicted - right)).mean()),
        "mean_dice": float((2 * right / (true + predicted)).mean()),
        "pixel_accuracy": float(right.sum() / true.sum()),
        "mean_foreground_iou": float((right / (true + predicted - right))[1:].mean()),
    }


def curve(draw: np.random.Generator, n: int, freedom: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return true numbers and estimates, float64 (n,); the fewer degrees of freedom, the more far errors."""
    true = draw.standard_normal(n)
    return true, true + 0.4 * draw.standard_t(freedom, n)


def curve_truth(freedom: float) -> dict[str, float]:
    """Return the metrics of the population."""
    loss = 0.16 * freedom / (freedom - 2)
    return {"loss": loss, "r2": 1 - loss, "rmse": loss**0.5}


def setting(
    kind: str, n: int, *values: float
) -> tuple[str, dict[str, float], Callable[[np.random.Generator], Intervals]]:
    """Return the description of a setting, its true values, and what draws a test split and returns its intervals."""
    many = np.random.default_rng(seed_for("population", kind, *map(str, values)))
    if kind == "classifier":
        classes, separation, sureness = int(values[0]), values[1], values[2]
        truth = classifier_truth(*classifier(many, POPULATION, classes, separation, sureness), sureness)
        text = f"{classes} classes, accuracy {truth['accuracy']:.2f}, error {truth['expected_calibration_error']:.3f}"
        return text, truth, lambda draw: class_intervals(*classifier(draw, n, classes, separation, sureness))
    if kind == "masks":
        classes, presence = int(values[0]), values[1]
        truth = masks_truth(*masks(many, POPULATION, classes, presence))
        text = f"{classes} classes, in {100 * presence:.0f} % of the images"
        return text, truth, lambda draw: overlap_intervals(*masks(draw, n, classes, presence))
    if kind == "masks of two":
        classes, presence = int(values[0]), values[1]
        difference = "difference of mean_iou"
        first, second = two_masks(many, POPULATION, classes, presence)
        true_values = [masks_truth(one, np.ones(1))["mean_iou"] for one in (first, second)]
        gain = true_values[1] - true_values[0]

        def of_two(draw: np.random.Generator) -> Intervals:
            found = overlap_difference(*two_masks(draw, n, classes, presence))
            return {difference: None if found is None else (found.low, found.high)}

        return f"{classes} classes, {gain:.3f}", {difference: gain}, of_two
    if kind == "accuracies of two":
        fixed, broken = values

        def of_accuracies(draw: np.random.Generator) -> Intervals:
            counts = draw.multinomial(n, [fixed, broken, 1 - fixed - broken])
            found = accuracy_difference(int(counts[0]), int(counts[1]), n)
            return {"difference of accuracy": (found.low, found.high)}

        return f"fixed {fixed}, broken {broken}", {"difference of accuracy": fixed - broken}, of_accuracies
    freedom = values[0]
    text = f"errors of Student's t, {freedom:.0f} degrees of freedom"
    return text, curve_truth(freedom), lambda draw: error_intervals(*curve(draw, n, freedom), 1.0)


def simulate(
    kind: str, n: int, values: tuple[float, ...], simulations: int
) -> list[tuple[str, str, int, float, float]]:
    """Return for each metric of a setting its name, the setting, n, the coverage and the mean width."""
    text, truth, draw_intervals = setting(kind, n, *values)
    draw = np.random.default_rng(seed_for("coverage", kind, n, *map(str, values)))
    held, widths = defaultdict(list), defaultdict(list)
    for _ in range(simulations):
        for name, interval in draw_intervals(draw).items():
            low, high = interval or (np.nan, np.nan)  # an interval that is missing does not hold the true value
            held[name].append(low <= truth[name] <= high)
            widths[name].append(high - low)
    return [(name, text, n, float(np.mean(held[name])), float(np.nanmean(widths[name]))) for name in held]


def binomial_coverage(n: int, proportion: float) -> tuple[float, float]:
    """Return the exact coverage of `proportion_interval` for n images, and that of Clopper's and Pearson's interval."""
    numbers = np.arange(n + 1)
    chances = binom.pmf(numbers, n, proportion)
    possible = numbers[chances > 1e-9]
    ours = [proportion_interval(int(number), n) or (0.0, 1.0) for number in possible]
    exact = [binom_test_interval(int(number), n) for number in possible]
    return (
        sum(chances[k] for k, (low, high) in zip(possible, ours, strict=True) if low <= proportion <= high),
        sum(chances[k] for k, (low, high) in zip(possible, exact, strict=True) if low <= proportion <= high),
    )


def binom_test_interval(number: int, n: int) -> Interval:
    """Return the interval of Clopper and Pearson."""
    from scipy.stats import binomtest

    interval = binomtest(number, n).proportion_ci(method="exact")
    return float(interval.low), float(interval.high)


SETTINGS: list[tuple[str, int, tuple[float, ...]]] = [
    *(("classifier", n, (10, 3.4, 1.3)) for n in (100, 300, 1000)),
    *(("classifier", n, (10, 1.8, 1.0)) for n in (100, 1000)),
    *(("classifier", n, (10, 4.5, 0.6)) for n in (100, 1000)),
    ("classifier", 1000, (100, 3.2, 0.7)),
    *(("masks", n, (4, 0.6)) for n in (10, 20, 50, 200)),
    *(("masks", n, (12, 0.3)) for n in (20, 50, 200)),
    *(("curve", n, (freedom,)) for freedom in (30.0, 5.0) for n in (50, 200, 1000)),
    *(("masks of two", n, (4, 0.6)) for n in (20, 50, 200)),
    *(("accuracies of two", n, (0.03, 0.02)) for n in (100, 1000, 10_000)),
    ("accuracies of two", 1000, (0.1, 0.1)),
]


def work(settings: list[tuple[str, int, tuple[float, ...]]], simulations: int = 0) -> list[list[tuple[Any, ...]]]:
    """Simulate settings, in a process."""
    torch.set_num_threads(1)
    intervals.REPLICATES = 400
    return [simulate(kind, n, values, simulations) for kind, n, values in settings]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Simulate the coverage of intervals.")
    parser.add_argument("--simulations", type=int, default=1000)
    simulations = parser.parse_args().simulations
    print("| accuracy | n | mid-p, exact coverage | Clopper and Pearson |\n|---|---|---|---|")
    for n in (50, 100, 1000, 10_000):
        for proportion in (0.6, 0.9, 0.97, 0.99):
            ours, exact = binomial_coverage(n, proportion)
            print(f"| {proportion} | {n} | {100 * ours:.1f} % | {100 * exact:.1f} % |")
    print("\n| metric | setting | n | coverage | mean width |\n|---|---|---|---|---|", flush=True)
    for rows in on_all_cores(partial(work, simulations=simulations), SETTINGS, "settings", 1):
        for name, text, n, coverage, width in rows:
            print(f"| `{name}` | {text} | {n} | {100 * coverage:.1f} % | {width:.4f} |", flush=True)


if __name__ == "__main__":
    main()
