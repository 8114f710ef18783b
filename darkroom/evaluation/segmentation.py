"""What a segmentation gets right and wrong on the test split, at full resolution."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from darkroom.common.numbers import DIGITS
from darkroom.datasets.pairs import image_paths, mask_path, read_mask, write_mask
from darkroom.evaluation.explanations import explain_masks
from darkroom.evaluation.inference import Trial
from darkroom.evaluation.masks import MaskTally
from darkroom.evaluation.parameters import Evaluation
from darkroom.evaluation.tables import rounded, write_csv
from darkroom.losses.cross_entropy import cross_entropy
from darkroom.metrics.classes import Tally, dice_coefficient, intersection_over_union


def evaluate_segmentation(trial: Trial, _: Evaluation, folder: Path) -> dict:
    """The figures of the test split; to `folder` go

    - `confusion.npy`: int64 (classes, classes), the pixels of each true class in a row;
    - `images.csv`: the mean IoU of each image that has a pixel that counts;
    - `masks/NAME.png`: the predicted masks;
    - `explanations/`, `explanations.csv`: where the model looks, as `explain_masks` says.
    """
    names = trial.card.classes
    tally, masks = Tally("segmentation", len(names), trial.device), MaskTally(len(names))
    (folder / "masks").mkdir()
    rows, by_image = [], []
    for path, (_, targets, logits) in zip(image_paths(trial.data, "test"), trial.batches(), strict=True):
        own = Tally("segmentation", len(names), trial.device)
        loss = cross_entropy(logits, targets)
        for kept in (tally, own):
            kept.add(logits, targets, loss)
        truth = read_mask(mask_path(trial.data, "test", path.stem))
        height, width = truth.shape
        predicted = logits.argmax(1)[0, :height, :width].byte().cpu().numpy()
        masks.add(truth, predicted)
        write_mask(folder / "masks" / f"{path.stem}.png", predicted)
        counts = own.confusion.cpu()
        by_image.append(intersection_over_union(counts).where(counts.sum(1) > 0, torch.nan))
        if counts.any():
            rows.append([path.stem, f"{own.figures()['mean_iou']:.{DIGITS}f}"])
    write_csv(folder / "images.csv", ["image", "mean_iou"], rows)
    explain_masks(trial, torch.stack(by_image).numpy(), folder)
    confusion = tally.confusion.cpu()
    np.save(folder / "confusion.npy", confusion.numpy().astype(np.int64))

    columns = _by_class(confusion) | {"boundary_iou": torch.from_numpy(masks.boundary_iou())}
    classes = [
        {"name": name, "pixels": int(count), **{column: _number(values[n]) for column, values in columns.items()}}
        for n, (name, count) in enumerate(zip(names, confusion.sum(1), strict=True))
    ]
    foreground = [entry["iou"] for entry in classes[1:] if entry["iou"] is not None]
    mean = round(sum(foreground) / len(foreground), DIGITS) if foreground else None
    return rounded(tally.figures()) | {"mean_foreground_iou": mean, "objects": masks.by_size(), "classes": classes}


def _by_class(confusion: Tensor) -> dict[str, Tensor]:
    """Overlap, precision and recall of each class, float (classes,); NaN where there is nothing to divide by."""
    right = confusion.diagonal()
    return {
        "iou": intersection_over_union(confusion),
        "dice": dice_coefficient(confusion),
        "precision": right / confusion.sum(0),
        "recall": right / confusion.sum(1),
    }


def _number(value: Tensor) -> float | None:
    """Rounded, or None for what a class that does not occur does not have."""
    return None if value.isnan() else round(float(value), DIGITS)
