"""Likely wrong labels of a classification, from the logits of models that did not learn them."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from darkroom.common.numbers import DIGITS

LIKELY = 0.3  # an image is reported if its label is wrong with this probability at least
FIRST_GUESS = 0.05  # of the share of wrong labels
# Images of each class that count for mistakes which are alike between all classes: without them, pairs of classes that
# the model confuses would pass for pairs of classes that annotators confuse.
PRIOR_IMAGES, PRIOR_WEIGHT = 1000.0, 2.0  # at least; times the mean number of images of a class
ITERATIONS, ITERATIONS_WITH_TEMPERATURE = 30, 5  # of expectation and maximization; every which fits the temperature
LOWEST, HIGHEST = 0.01, 1000.0  # temperatures
NUMBERS_TO_FIT = 5_000_000  # logits, in evenly spaced rows, that noise and temperature are fitted to


@dataclass(frozen=True)
class LabelError:
    """A likely wrong label.

    Attributes:
        index: of the image.
        score: the probability that its label is wrong, rounded.
        suggested: the most probable of the other classes.
    """

    index: int
    score: float
    suggested: int


def find_label_errors(logits: np.ndarray, labels: np.ndarray) -> list[LabelError]:
    """Return the images whose labels are likely wrong, the most likely ones first.

    The true class of an image is drawn from the softmax of its logits over a temperature, and its label from the row
    of that class in a matrix of mistakes. Temperature and matrix are those that make the labels most likely; the
    matrix is found by expectation and maximization, as Dawid and Skene find the mistakes of annotators (1979). The
    score is the probability, by Bayes' rule, that the true class is not the label. In contrast to confident learning
    (Northcutt et al., arXiv:1911.00068), images of which the model is unsure count for little, so that a weak model
    finds few errors, not many false ones.

    Args:
        logits: float (n, classes), of models that were not trained on these labels.
        labels: class ids, int64 (n,).
    """
    if not len(labels) or logits.shape[1] < 2:
        return []
    outputs, given = torch.from_numpy(logits).double(), torch.from_numpy(labels)
    every = max(1, math.ceil(outputs.numel() / NUMBERS_TO_FIT))
    temperature, mistakes = fit_mistakes(outputs[::every], given[::every])
    posterior = true_classes(outputs, given, temperature, mistakes)
    right = posterior.gather(1, given[:, None])[:, 0]
    suggested = posterior.scatter(1, given[:, None], -1.0).argmax(1)
    scores = [round(score, DIGITS) for score in (1 - right).tolist()]
    found = [LabelError(n, score, int(suggested[n])) for n, score in enumerate(scores) if score >= LIKELY]
    return sorted(found, key=lambda error: (-error.score, error.index))


def fit_mistakes(logits: Tensor, labels: Tensor) -> tuple[float, Tensor]:
    """Return the temperature of the logits and the matrix of mistakes.

    Args:
        logits: float64 (n, classes).
        labels: class ids, int64 (n,).

    Returns:
        The temperature, and for each true class the probabilities of all labels, float64 (classes, classes).
    """
    classes, temperature = logits.shape[1], 1.0
    mistakes = _alike(FIRST_GUESS, classes)
    weight = max(PRIOR_IMAGES, PRIOR_WEIGHT * len(labels) / classes)
    for iteration in range(ITERATIONS):
        if iteration % ITERATIONS_WITH_TEMPERATURE == 0:
            temperature = _fit_temperature(logits, labels, mistakes)
        posterior = true_classes(logits, labels, temperature, mistakes)
        counts = torch.zeros(classes, classes, dtype=torch.float64).index_add_(0, labels, posterior).T
        share = 1 - float(counts.diagonal().sum()) / len(labels)
        counts = counts + weight * _alike(share, classes)
        mistakes = counts / counts.sum(1, keepdim=True)
    return temperature, mistakes


def true_classes(logits: Tensor, labels: Tensor, temperature: float, mistakes: Tensor) -> Tensor:
    """Return the probabilities of all classes to be the true one of each image, float64 (n, classes)."""
    joint = (logits / temperature).softmax(1) * mistakes.T[labels]
    return joint / joint.sum(1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)


def _alike(share: float, classes: int) -> Tensor:
    """Return a matrix of mistakes in which `share` of each class's labels are wrong, all wrong ones equally likely."""
    matrix = torch.full((classes, classes), share / (classes - 1), dtype=torch.float64)
    return matrix.fill_diagonal_(1 - share)


def _fit_temperature(logits: Tensor, labels: Tensor, mistakes: Tensor) -> float:
    """Return the temperature that makes the labels most likely."""

    def loss(log_temperature: float) -> float:
        likelihood = ((logits / math.exp(log_temperature)).softmax(1) * mistakes.T[labels]).sum(1)
        return -float(likelihood.clamp_min(torch.finfo(torch.float64).tiny).log().mean())

    found = minimize_scalar(loss, bounds=(math.log(LOWEST), math.log(HIGHEST)), method="bounded")
    return round(math.exp(found.x), DIGITS)
