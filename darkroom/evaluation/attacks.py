"""Attacks on a classifier: the smallest changes of pixels that alter its answers, bounded in the L∞ norm."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from darkroom.batches.normalize import normalize
from darkroom.common.files import write_csv
from darkroom.common.numbers import round_metric
from darkroom.common.progress import progress
from darkroom.common.randomness import seed_for
from darkroom.datasets.packed import read_split
from darkroom.evaluation.corruptions._draws import Draws
from darkroom.evaluation.inference import TrainedModel, logits_of
from darkroom.evaluation.intervals import Interval, proportion_interval
from darkroom.losses.cross_entropy import cross_entropy

Classify = Callable[[Tensor], Tensor]  # pixels from 0 to 1, float32 (b, h, w, 3), to logits (b, classes)
Attack = Callable[[Classify, Tensor, Tensor, float], Tensor]  # pixels, targets and epsilon to attacking pixels

EPSILONS = (0.5, 1, 2, 4, 8)  # largest change of a value, in grey levels of 255
REPORTED = 2  # the epsilon of `attack_accuracy`
IMAGES, BATCH = 1000, 100  # test images that are attacked at most, and how many at a time
STEPS = 10  # of projected gradient descent
REACH = 2.5  # of all its steps together, in epsilons: enough to cross the allowed range and turn back


def fgsm(classify: Classify, pixels: Tensor, targets: Tensor, epsilon: float) -> Tensor:
    """Attack by the fast gradient sign method (Goodfellow et al., arXiv:1412.6572): one step of size epsilon.

    Args:
        classify: the model.
        pixels: of the images, from 0 to 1, float32 (b, h, w, 3).
        targets: class ids, int64 (b,).
        epsilon: the largest change of a value.

    Returns:
        The attacking images, like `pixels`.
    """
    _, ascent = _logits_and_ascent(classify, pixels, targets)
    return (pixels + epsilon * ascent).clamp(0, 1)


def pgd(
    classify: Classify, pixels: Tensor, targets: Tensor, epsilon: float, start: Tensor, steps: int = STEPS
) -> Tensor:
    """Attack by projected gradient descent (Madry et al., arXiv:1706.06083) from a random start.

    An image that the model gets wrong after some step is done, and stays as it is.

    Args:
        classify: the model.
        pixels: of the images, from 0 to 1, float32 (b, h, w, 3).
        targets: class ids, int64 (b,).
        epsilon: the largest change of a value.
        start: of the change, in epsilons, from -1 to 1, like `pixels`.
        steps: their number.

    Returns:
        The attacking images, like `pixels`.
    """
    attacking = (pixels + epsilon * start).clamp(0, 1)
    lowest, highest = (pixels - epsilon).clamp(0, 1), (pixels + epsilon).clamp(0, 1)
    for _ in range(steps):
        logits, ascent = _logits_and_ascent(classify, attacking, targets)
        stepped = (attacking + REACH * epsilon / steps * ascent).clamp(lowest, highest)
        attacking = torch.where((logits.argmax(1) == targets)[:, None, None, None], stepped, attacking)
    return attacking


def _logits_and_ascent(classify: Classify, pixels: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits, and the sign of the gradient of the cross-entropy with respect to the pixels."""
    with torch.enable_grad():
        leaf = pixels.detach().requires_grad_()
        logits = classify(leaf)
        # Each image has a gradient of its own; the mean over the batch changes no sign.
        [gradient] = torch.autograd.grad(cross_entropy(logits, targets), leaf)
    return logits.detach(), gradient.sign()


def evaluate_attacks(trained: TrainedModel, folder: Path) -> tuple[float, Interval | None]:
    """Return the accuracy under projected gradient descent of `REPORTED` grey levels, and its 95 % interval.

    Write `attacks.csv` to `folder`: the accuracy by attack and epsilon, in grey levels of 255, on an even sample of up
    to `IMAGES` test images. The attacks know the model. An image counts as correct if the model gets it right both as
    it is and attacked. The attacking pixels are not rounded to whole grey levels.

    Args:
        trained: the model and its data set.
        folder: where to write.
    """
    images, labels = read_split(trained.data, "test")
    count = min(IMAGES, len(labels))
    indices = np.arange(count) * len(labels) // count
    mean, std = trained.description.mean, trained.description.std

    def classify(pixels: Tensor) -> Tensor:
        return logits_of(trained.model, trained.card, normalize(pixels * 255, mean, std))

    correct: dict[tuple[str, float], int] = {}
    bar = progress(count, "attacked images")
    for first in range(0, count, BATCH):
        rows = indices[first : first + BATCH]
        pixels = torch.from_numpy(images[rows]).to(trained.device) / 255
        targets = torch.from_numpy(labels[rows]).to(trained.device)
        noise = Draws(seed_for("attack", "pgd"), rows).uniform(-1, 1, *images.shape[1:])
        start = torch.from_numpy(noise).to(trained.device)
        attacks: dict[str, Attack] = {"fgsm": fgsm, "pgd": partial(pgd, start=start)}
        with torch.no_grad():
            is_correct = classify(pixels).argmax(1) == targets
        for name, attack in attacks.items():
            for epsilon in (0, *EPSILONS):
                with torch.no_grad():
                    attacking = attack(classify, pixels, targets, epsilon / 255) if epsilon else pixels
                    still = is_correct & (classify(attacking).argmax(1) == targets)
                correct[name, epsilon] = correct.get((name, epsilon), 0) + int(still.sum())
        bar.update(len(rows))
    bar.close()
    rows_of_table = [[*key, round_metric(number / count), count] for key, number in correct.items()]
    write_csv(folder / "attacks.csv", ["attack", "epsilon", "accuracy", "images"], rows_of_table)
    reported = correct["pgd", REPORTED]
    return reported / count, proportion_interval(reported, count)
