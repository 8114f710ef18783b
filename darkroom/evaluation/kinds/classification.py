"""Evaluation of images with one class each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from darkroom.batches.whole import whole_split
from darkroom.common.numbers import round_metric
from darkroom.evaluation.attacks import evaluate_attacks
from darkroom.evaluation.classifier import accuracy_difference_of, error_interval, error_of_logits, evaluate_logits
from darkroom.evaluation.explanations import explain_classes
from darkroom.evaluation.feature_maps import write_feature_maps
from darkroom.evaluation.inference import TrainedModel, mean_over_views
from darkroom.evaluation.intervals import Difference, as_lists, proportion_interval
from darkroom.evaluation.kinds import Reader
from darkroom.evaluation.parameters import Evaluation
from darkroom.evaluation.robustness import evaluate_corruptions
from darkroom.losses.cross_entropy import cross_entropy
from darkroom.metrics.classes import AccuracyTally

TTA = ("none", "flip", "flip_shift")
ROBUSTNESS = ("corruptions", "attacks")


def evaluate(trained: TrainedModel, parameters: Evaluation, folder: Path) -> dict[str, Any]:
    """Return the metrics of the test split, and write predictions and tables of them.

    It writes the files of `evaluate_logits`, and to `folder`:

    - `validation_logits.npy` and `validation_labels.npy`: float32 (n, classes) and int64 (n,), from which ensembles are
      fitted;
    - `explanations/` and `explanations.csv`: heat maps, as `explain_classes` writes them;
    - `feature_maps/` and `feature_maps.csv`: outputs of the first layers for the first test image;
    - `corruptions.csv` and `attacks.csv`, on request: as `evaluate_corruptions` and `evaluate_attacks` write them.

    Args:
        trained: the model and its data set.
        parameters: of the evaluation.
        folder: where to write.
    """
    for name, values in zip(("logits", "labels"), _predict(trained, "validation"), strict=True):
        np.save(folder / f"validation_{name}.npy", values.numpy())
    views = AccuracyTally(len(trained.card.classes), trained.device)

    def add_views(images: Tensor, targets: Tensor, logits: Tensor) -> None:
        mean = mean_over_views(trained.model, trained.card, images, logits, parameters.tta)
        views.add(mean, targets, cross_entropy(mean, targets))

    has_views = parameters.tta != "none"
    logits, targets = _predict(trained, "test", add_views if has_views else None)
    metrics = evaluate_logits(trained.card.classes, logits, targets, folder)
    uncalibrated = logits * trained.card.temperature
    metrics["uncalibrated_error"] = round_metric(error_of_logits(uncalibrated, targets))
    metrics["intervals"] |= as_lists({"uncalibrated_error": error_interval(uncalibrated, targets)})
    if has_views:
        metrics["tta_accuracy"] = round_metric(views.compute()["accuracy"])
        correct = int(views.confusion.diagonal().sum())
        metrics["intervals"] |= as_lists({"tta_accuracy": proportion_interval(correct, len(targets))})
    explain_classes(trained, logits, targets, folder)
    first, _ = next(whole_split(trained.data, trained.description, "test", trained.device))
    write_feature_maps(trained, first[:1], folder)
    for name, is_wanted, evaluate_robustness in (
        ("mean_corruption_error", parameters.corruptions, evaluate_corruptions),
        ("attack_accuracy", parameters.attacks, evaluate_attacks),
    ):
        if is_wanted:
            value, interval = evaluate_robustness(trained, folder)
            metrics[name] = round_metric(value)
            metrics["intervals"] |= as_lists({name: interval})
    return metrics


def difference(score: str, first: Reader, second: Reader) -> Difference | None:
    """Return the difference of two accuracies, as `Evaluator.difference`."""
    files = first("predictions.csv"), second("predictions.csv")
    return accuracy_difference_of(*files) if score == "accuracy" else None


def _predict(
    trained: TrainedModel, split: str, each_batch: Callable[[Tensor, Tensor, Tensor], None] | None = None
) -> tuple[Tensor, Tensor]:
    """Return the logits, float32 (n, classes), and the targets, int64 (n,), of a split, which may be empty.

    Args:
        trained: the model and its data set.
        split: train, validation or test.
        each_batch: called with images, targets and logits of each batch.
    """
    all_logits, all_targets = [torch.empty(0, len(trained.card.classes))], [torch.empty(0, dtype=torch.int64)]
    for images, targets, logits in trained.batches(split):
        all_logits.append(logits.cpu())
        all_targets.append(targets.cpu())
        if each_batch:
            each_batch(images, targets, logits)
    return torch.cat(all_logits), torch.cat(all_targets)
