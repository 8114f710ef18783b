"""Intervals of metrics and of differences: where the true value lies, with 95 % confidence.

Test images count as drawn at random, so an interval tells what other test splits of the same size could have given. It
does not hold the luck of the training, which only several seeds show. `python -m bench.coverage` simulates the coverage
by which the methods were chosen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betainc, expit, logit
from scipy.stats import binomtest, norm

from darkroom.common.numbers import round_metric
from darkroom.common.randomness import seed_for

TAILS = (0.025, 0.975)
SIGNIFICANCE = 0.05
REPLICATES = 1_000  # bootstrap samples
CELLS = 4_000_000  # of the weights that are held at once
LARGEST = 2.0**20  # multiple of an estimated calibration error up to which a larger one is searched
Interval = tuple[float, float]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ratios:
    """A metric that is the mean over classes of a sum over images divided by another one, such as the mean IoU.

    Attributes:
        numerators: of each image and class, float (n, classes).
        denominators: likewise. A class in which they sum to 0 is left out of the mean.
    """

    numerators: Floats
    denominators: Floats

    def estimates(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the metric of weighted images, and how it depends on each of them.

        Args:
            weights: of the images in each sample, float (samples, n).

        Returns:
            The metric, float64 (samples,), NaN where no class is left; and the derivative of it by the weight of each
            image, float64 (samples, n), the influence function (Hampel, 1974) divided by n.
        """
        above, below = weights @ self.numerators, weights @ self.denominators
        is_there = below > 0
        classes = is_there.sum(1)
        inverse = np.divide(1, below, out=np.zeros_like(below), where=is_there) / np.maximum(classes, 1)[:, None]
        values = np.where(classes > 0, (above * inverse).sum(1), np.nan)
        ratios = np.divide(above, below, out=np.zeros_like(below), where=is_there)
        return values, inverse @ self.numerators.T - (ratios * inverse) @ self.denominators.T


@dataclass(frozen=True)
class Difference:
    """How much better the second of two models is in a metric.

    Attributes:
        value: metric of the second model minus that of the first.
        low: end of the paired interval of the difference.
        high: likewise.
        p: chance of such a difference, or a larger one, if both were equally good.
        test: name of the test that gave `p`.
    """

    value: float
    low: float
    high: float
    p: float
    test: str

    def as_dict(self) -> dict[str, Any]:
        """Return the rounded values by name, and whether a single difference of this `p` is shown."""
        numbers = {name: round_metric(float(getattr(self, name))) for name in ("value", "low", "high", "p")}
        return {**numbers, "test": self.test, "shown": self.p < SIGNIFICANCE}


def as_lists(intervals: Mapping[str, Interval | None]) -> dict[str, list[float] | None]:
    """Return intervals as test.json has them: rounded, and null where there is none."""
    return {
        name: None if interval is None else [round_metric(float(end)) for end in interval]
        for name, interval in intervals.items()
    }


def proportion_interval(successes: float, count: float) -> Interval | None:
    """Return the exact binomial interval of a proportion by mid-p values, or None if nothing was counted.

    Half of the probability of the observed number counts on either side (Lancaster, "Significance tests in discrete
    distributions", 1961). Its coverage is near 95 %. That of Clopper's and Pearson's interval is at least 95 %, and
    much more where counts are small.

    Args:
        successes: their number, which need not be whole.
        count: the number of trials, likewise.
    """
    if count <= 0:
        return None

    def tail(proportion: float, level: float) -> float:
        """Return the probability of more successes, plus half of that of as many, minus `level`."""
        as_many = betainc(successes, count - successes + 1, proportion) if successes > 0 else 1.0
        more = betainc(successes + 1, count - successes, proportion) if successes < count else 0.0
        return float(as_many + more) / 2 - level

    low = brentq(tail, 0, 1, args=(TAILS[0],), xtol=1e-12) if successes > 0 else 0.0
    high = brentq(tail, 0, 1, args=(TAILS[1],), xtol=1e-12) if successes < count else 1.0
    return float(low), float(high)


def mean_interval(values: Floats) -> Interval | None:
    """Return the bootstrap-t interval of the mean of numbers that are at least 0, such as losses.

    Args:
        values: of each image, float (n,).
    """
    interval = ratio_interval(Ratios(values[:, None], np.ones((len(values), 1))))
    return None if interval is None else (max(0.0, interval[0]), interval[1])


def share_interval(ratios: Ratios) -> Interval | None:
    """Return the bootstrap-t interval of a metric from 0 to 1, computed for its log odds."""
    return ratio_interval(ratios, is_share=True)


def ratio_interval(ratios: Ratios, is_share: bool = False) -> Interval | None:
    """Return the bootstrap-t interval of a metric (Efron, 1981): samples of images, each with its own standard error.

    Where images are few, percentiles of the bootstrap would be too narrow.

    Args:
        ratios: the metric.
        is_share: it is from 0 to 1.

    Returns:
        The interval. None if the images do not differ or are fewer than two.
    """
    drawn = _studentized([ratios])
    if drawn is None or (is_share and not 0 < drawn[0] < 1):
        return None
    value, error, values, errors = drawn
    if not is_share:
        low, high = np.quantile((values - value) / errors, TAILS)
        return value - high * error, value - low * error
    inner = (values > 0) & (values < 1)
    odds = logit(values[inner])
    steepness = 1 / (values[inner] * (1 - values[inner]))
    low, high = np.quantile((odds - logit(value)) / (steepness * errors[inner]), TAILS)
    error /= value * (1 - value)
    return float(expit(logit(value) - high * error)), float(expit(logit(value) - low * error))


def macro_intervals(true: NDArray[np.int64], predicted: NDArray[np.int64]) -> dict[str, Interval | None]:
    """Return the intervals of the macro means of precision, recall and F1, which stay wide where there are no errors.

    Each is the exact interval of a proportion of as many images as give the variance that a bootstrap finds (Korn and
    Graubard, "Confidence intervals for proportions with small expected number of positive counts", 1998).

    Args:
        true: class ids of images, int64 (n,).
        predicted: likewise.
    """
    names = ("precision", "recall", "f1")
    if not len(true):
        return dict.fromkeys(names)
    ids, numbers = np.unique(np.concatenate([true, predicted]), return_inverse=True)
    pairs, pair_of = np.unique(numbers.reshape(2, -1), axis=1, return_inverse=True)  # images of a pair count alike
    true_of, predicted_of = (np.eye(len(ids))[side] for side in pairs)
    counts = _pair_counts(pair_of.ravel(), pairs.shape[1])
    samples = np.concatenate([np.bincount(pair_of.ravel())[None], counts]).astype(np.float64)
    correct, trues, predictions = samples @ (true_of * predicted_of), samples @ true_of, samples @ predicted_of
    intervals: dict[str, Interval | None] = {}
    for name, below in zip(names, (predictions, trues, (trues + predictions) / 2), strict=True):
        counted = below[0] > 0  # the other classes count as 0: of precision, those that are never predicted
        share = float(counted.mean())
        is_there = counted & (below > 0)
        parts = np.divide(correct, below, out=np.zeros_like(below), where=is_there)
        means = parts.sum(1) / np.maximum(1, is_there.sum(1))
        value, variance = float(means[0]), float(means[1:].var())
        # Without an error there is no variance: then the counts of the classes tell how sure their shares are.
        size = value * (1 - value) / variance if variance > 0 else counted.sum() ** 2 / (1 / below[0, counted]).sum()
        low, high = proportion_interval(value * size, size) or (0.0, 1.0)
        intervals[name] = share * low, share * high
    return intervals


def calibration_interval(gaps: Floats, counts: Floats) -> Interval | None:
    """Return the interval of an expected calibration error.

    The estimate is too large, since noise in a bin is a gap too, and bootstrap samples are noisier still: their
    percentiles nearly always miss a small error. So this interval inverts a test. It holds the errors, of gaps in the
    proportions of the observed ones, with which the observed estimate is between the quantiles of all estimates. The
    noise of these is that of bootstrap samples.

    Args:
        gaps: of each image, the sum of confidence minus correctness of its predictions in each bin, float (n, bins).
        counts: the number of its predictions, float (n,).
    """
    if len(gaps) < 2:
        return None
    gap = gaps.sum(0) / counts.sum()
    value = float(np.abs(gap).sum())
    noise = np.concatenate([weights @ gaps / (weights @ counts)[:, None] for weights in _samples(len(gaps))]) - gap

    def surplus(multiple: float, tail: float) -> float:
        """Return by how much a quantile of the estimates is above the observed one if the gaps are a multiple."""
        return float(np.quantile(np.abs(multiple * gap + noise).sum(1), tail)) - value

    low = brentq(surplus, 0, 1, args=(TAILS[1],)) if surplus(0, TAILS[1]) < 0 < surplus(1, TAILS[1]) else 0.0
    most = 1.0
    while surplus(most, TAILS[0]) <= 0 and most < LARGEST and value > 0:
        most *= 2
    high = brentq(surplus, 1, most, args=(TAILS[0],)) if most > 1 and value > 0 else 1.0
    return low * value, high * value


def gap_interval(training: float, interval: Interval | None) -> Interval | None:
    """Return the interval of a training score minus a test score. That of the training score is taken as known."""
    return None if interval is None else (training - interval[1], training - interval[0])


def accuracy_difference(fixed: int, broken: int, images: int) -> Difference:
    """Return the difference of two accuracies on the same images.

    `p` is that of McNemar's exact test ("Note on the sampling error of the difference between correlated proportions",
    1947). The interval is Bonett's and Price's ("Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data", 2012).

    Args:
        fixed: number of images that only the second model has right.
        broken: number of images that only the first model has right.
        images: number of all images.
    """
    changed = fixed + broken
    p = float(binomtest(fixed, changed).pvalue) if changed else 1.0
    won, lost = (fixed + 1) / (images + 2), (broken + 1) / (images + 2)
    reach = float(norm.ppf(TAILS[1])) * ((won + lost - (won - lost) ** 2) / (images + 2)) ** 0.5
    middle = won - lost
    return Difference((fixed - broken) / images, max(-1.0, middle - reach), min(1.0, middle + reach), p, "McNemar")


def ratio_difference(first: Ratios, second: Ratios | None = None) -> Difference | None:
    """Return the difference of a metric of two models on the same images, by a paired bootstrap-t.

    Args:
        first: the metric of the first model; or, without a second one, the difference itself.
        second: the metric of the second model, of the same images.

    Returns:
        The difference. None if there are fewer than two images or all differ by the same.
    """
    drawn = _studentized([first] if second is None else [second, first])
    if drawn is None:
        return None
    value, error, values, errors = drawn
    scores = (values - value) / errors
    low, high = np.quantile(scores, TAILS)
    beyond = min(np.count_nonzero(scores >= value / error), np.count_nonzero(scores <= value / error))
    p = min(1.0, 2 * (beyond + 1) / (len(scores) + 1))
    return Difference(value, value - high * error, value - low * error, p, "paired bootstrap")


def holm(p_values: list[float]) -> list[float]:
    """Return p-values adjusted for their number (Holm, "A simple sequentially rejective multiple test procedure")."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, number in enumerate(sorted(range(len(p_values)), key=lambda one: p_values[one])):
        largest = max(largest, min(1.0, p_values[number] * (len(p_values) - place)))
        adjusted[number] = largest
    return adjusted


def _drawn(images: int) -> Iterator[NDArray[np.int64]]:
    """Yield the images of bootstrap samples, int64 (samples, images), `REPLICATES` samples in all."""
    draw = np.random.default_rng(seed_for("bootstrap", images))
    at_once = max(1, min(REPLICATES, CELLS // images))
    for start in range(0, REPLICATES, at_once):
        yield draw.integers(0, images, (min(at_once, REPLICATES - start), images))


def _pair_counts(numbers: NDArray[np.int64], kinds: int) -> NDArray[np.int64]:
    """Return how many images of each kind are in each bootstrap sample, int64 (samples, kinds).

    Args:
        numbers: of the kind of each image, int64 (n,).
        kinds: their number.
    """
    counts = []
    for drawn in _drawn(len(numbers)):
        cells = numbers[drawn] + kinds * np.arange(len(drawn))[:, None]
        counts.append(np.bincount(cells.ravel(), minlength=kinds * len(drawn)).reshape(-1, kinds))
    return np.concatenate(counts)


def _samples(images: int) -> Iterator[Floats]:
    """Yield how often each image is in each bootstrap sample, float64 (samples, images)."""
    for drawn in _drawn(images):
        cells = drawn + images * np.arange(len(drawn))[:, None]
        yield np.bincount(cells.ravel(), minlength=cells.size).reshape(-1, images).astype(np.float64)


def _studentized(metrics: list[Ratios]) -> tuple[float, float, Floats, Floats] | None:
    """Return a metric, or the first one minus the second one, with its standard error, and both of bootstrap samples.

    Returns:
        The value and its standard error, and the values and standard errors of the samples, both float64 (samples,),
        without those samples that have none. None if half of the samples have none.
    """
    images = len(metrics[0].numerators)
    if images < 2:
        return None

    def estimate(weights: Floats) -> tuple[Floats, Floats]:
        pairs = [metric.estimates(weights) for metric in metrics]
        values, influence = (pairs[0][k] - pairs[1][k] if len(pairs) > 1 else pairs[0][k] for k in range(2))
        return values, np.sqrt((weights * influence**2).sum(1) * images / (images - 1))

    value, error = (float(one[0]) for one in estimate(np.ones((1, images))))
    values, errors = (np.concatenate(parts) for parts in zip(*map(estimate, _samples(images)), strict=True))
    usable = np.isfinite(values) & (errors > 1e-12 * max(1.0, abs(value)))
    if not np.isfinite(value) or error <= 1e-12 * max(1.0, abs(value)) or 2 * usable.sum() < REPLICATES:
        return None
    return value, error, values[usable], errors[usable]
