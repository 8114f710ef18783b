"""Evaluation of images with one class for each pixel, at full resolution."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.common.files import write_csv
from darkroom.common.numbers import DIGITS, round_metric
from darkroom.datasets.pairs import image_paths, mask_path, read_mask, write_mask
from darkroom.evaluation.classifier import error_interval, error_of_logits
from darkroom.evaluation.explanations import explain_masks
from darkroom.evaluation.inference import TrainedModel
from darkroom.evaluation.intervals import (
    Difference,
    Interval,
    Ratios,
    as_lists,
    ratio_difference,
    ratio_interval,
    share_interval,
)
from darkroom.evaluation.kinds import Reader
from darkroom.evaluation.masks import MaskTally
from darkroom.evaluation.parameters import Evaluation
from darkroom.evaluation.robustness import evaluate_corrupted_masks
from darkroom.evaluation.tables import rounded
from darkroom.losses.cross_entropy import cross_entropy
from darkroom.metrics.classes import OverlapTally, dice_coefficient, intersection_over_union, sample_targets

TTA = ("none",)
ROBUSTNESS = ("corruptions",)


def evaluate(trained: TrainedModel, parameters: Evaluation, folder: Path) -> dict[str, Any]:
    """Return the metrics of the test split, and write predictions and tables of them.

    The calibration errors are those of an even sample of each image's pixels. It writes these files to `folder`:

    - `confusion.npy`: the confusion matrix of pixels, int64 (classes, classes), with a row for each true class;
    - `image_counts.npy`: the pixels of each image by class: right, true and predicted ones, int64 (n, 3, classes);
    - `images.csv`: the mean IoU of each image with at least one pixel that is not ignored;
    - `classes.csv`: number of pixels, IoU, Dice, precision, recall and boundary IoU of each class;
    - `objects.csv`: recall and precision of objects by size;
    - `masks/NAME.png`: the predicted masks;
    - `explanations/` and `explanations.csv`: heat maps, as `explain_masks` writes them;
    - `corruptions.csv`, on request: as `evaluate_corrupted_masks` writes it.

    Args:
        trained: the model and its data set.
        parameters: of the evaluation.
        folder: where to write.
    """
    names = trained.card.classes
    tally, masks = OverlapTally(len(names), trained.device), MaskTally(len(names))
    (folder / "masks").mkdir()
    rows, by_image, sampled, image_counts, losses = [], [], [], [], []
    for path, (_images, targets, logits) in zip(image_paths(trained.data, "test"), trained.batches(), strict=True):
        image_tally = OverlapTally(len(names), trained.device)
        loss = cross_entropy(logits, targets)
        for each in (tally, image_tally):
            each.add(logits, targets, loss)
        sampled.append([values.cpu() for values in sample_targets(logits, targets)])
        truth = read_mask(mask_path(trained.data, "test", path.stem))
        height, width = truth.shape
        predicted = logits.argmax(1)[0, :height, :width].byte().cpu().numpy()
        masks.add(truth, predicted)
        write_mask(folder / "masks" / f"{path.stem}.png", predicted)
        counts = image_tally.confusion.cpu()
        image_counts.append(torch.stack([counts.diagonal(), counts.sum(1), counts.sum(0)]).long().numpy())
        losses.append(float(image_tally.loss))
        by_image.append(intersection_over_union(counts).where(counts.sum(1) > 0, torch.nan))
        if counts.any():
            rows.append([path.stem, f"{image_tally.compute()['mean_iou']:.{DIGITS}f}"])
    write_csv(folder / "images.csv", ["image", "mean_iou"], rows)
    explain_masks(trained, torch.stack(by_image).numpy(), folder)
    by_class = np.stack(image_counts)
    np.save(folder / "image_counts.npy", by_class)
    confusion = tally.confusion.cpu()
    np.save(folder / "confusion.npy", confusion.numpy().astype(np.int64))

    columns = _by_class(confusion) | {"boundary_iou": torch.from_numpy(masks.boundary_iou())}
    pixels = confusion.sum(1).long().tolist()
    classes = [[name, pixels[n], *(_number(values[n]) for values in columns.values())] for n, name in enumerate(names)]
    write_csv(folder / "classes.csv", ["class", "pixels", *columns], classes)
    sizes = [{"size": size, **counts} for size, counts in masks.by_size().items()]
    write_csv(folder / "objects.csv", list(sizes[0]), [list(row.values()) for row in sizes])
    foreground = [round(float(iou), DIGITS) for iou in columns["iou"][1:] if not iou.isnan()]
    mean = round(sum(foreground) / len(foreground), DIGITS) if foreground else None
    logits, targets = (torch.cat(values) for values in zip(*sampled, strict=True))
    calibration = {
        "expected_calibration_error": error_of_logits(logits, targets),
        "uncalibrated_error": error_of_logits(logits * trained.card.temperature, targets),
    }
    images = np.repeat(np.arange(len(sampled)), [len(one) for _, one in sampled])
    intervals = overlap_intervals(by_class, np.array(losses)) | {
        "expected_calibration_error": error_interval(logits, targets, images),
        "uncalibrated_error": error_interval(logits * trained.card.temperature, targets, images),
    }
    metrics = rounded(tally.compute() | calibration) | {"mean_foreground_iou": mean}
    if parameters.corruptions:
        metrics["corrupted_mean_iou"] = round_metric(evaluate_corrupted_masks(trained, folder))
    return metrics | {"intervals": as_lists(intervals)}


def overlap_intervals(counts: NDArray[np.int64], losses: NDArray[np.float64]) -> dict[str, Interval | None]:
    """Return the intervals of a segmentation's metrics, over images.

    Args:
        counts: as in `image_counts.npy`.
        losses: the sum of the losses of each image's pixels, float (n,).
    """
    right, true, predicted = counts.transpose(1, 0, 2).astype(np.float64)
    pixels = true.sum(1, keepdims=True)
    loss = ratio_interval(Ratios(losses[:, None], pixels))
    return {
        "loss": None if loss is None else (max(0.0, loss[0]), loss[1]),
        "mean_iou": share_interval(iou_ratios(counts)),
        "mean_dice": share_interval(Ratios(2 * right, true + predicted)),
        "pixel_accuracy": share_interval(Ratios(right.sum(1, keepdims=True), pixels)),
        "mean_foreground_iou": share_interval(iou_ratios(counts[..., 1:])),
    }


def difference(score: str, first: Reader, second: Reader) -> Difference | None:
    """Return the difference of two mean IoUs, with or without the background, as `Evaluator.difference`."""
    if score not in ("mean_iou", "mean_foreground_iou"):
        return None
    counts = [np.load(io.BytesIO(read("image_counts.npy"))) for read in (first, second)]
    if counts[0].shape != counts[1].shape or (counts[0][:, 1] != counts[1][:, 1]).any():
        return None
    classes = slice(1 if score == "mean_foreground_iou" else 0, None)
    return overlap_difference(*(one[..., classes] for one in counts))


def overlap_difference(first: NDArray[np.int64], second: NDArray[np.int64]) -> Difference | None:
    """Return the difference of the mean IoU of two models on the same images; counts as in `image_counts.npy`."""
    return ratio_difference(iou_ratios(first), iou_ratios(second))


def iou_ratios(counts: NDArray[np.int64]) -> Ratios:
    """Return the mean IoU as ratios of sums over images; `counts` as in `image_counts.npy`, of some classes."""
    right, true, predicted = counts.transpose(1, 0, 2).astype(np.float64)
    return Ratios(right, true + predicted - right)


def _by_class(confusion: Tensor) -> dict[str, Tensor]:
    """Return the metrics of each class, float64 (classes,); NaN where the denominator is 0."""
    correct = confusion.diagonal()
    return {
        "iou": intersection_over_union(confusion),
        "dice": dice_coefficient(confusion),
        "precision": correct / confusion.sum(0),
        "recall": correct / confusion.sum(1),
    }


def _number(value: Tensor) -> float | None:
    """Return a rounded number, or None for NaN."""
    return None if value.isnan() else round(float(value), DIGITS)
