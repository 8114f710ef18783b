"""A trained model on the test split: figures for the report, and its prediction for every image."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from darkroom.batches.whole import whole_split
from darkroom.common.errors import UserError
from darkroom.common.files import replacing, write_json
from darkroom.common.progress import progress
from darkroom.datasets.description import Description
from darkroom.datasets.pairs import image_paths, mask_path, read_mask
from darkroom.evaluation.masks import MaskTally
from darkroom.models.model_file import Card, load_model
from darkroom.training.objective import Tally, cross_entropy, dice_coefficient, intersection_over_union
from darkroom.training.precision import autocast, choose_device, fix_algorithms


def evaluate(model_file: Path, data: Path, predictions: Path, report: Path) -> None:
    """Write the figures on the test split to `report`, and to the folder `predictions`:

    - `confusion.npy`: int64 (classes, classes), a row for each true class;
    - of a classification `predictions.csv` and `logits.npy`, float32 (images, classes);
    - of a segmentation `images.csv` and `masks/NAME.png`, the predicted masks.

    Raises:
        UserError: the model was trained for other classes than the data has.
    """
    fix_algorithms()
    device = choose_device()
    model, card = load_model(model_file, device)
    description = Description.read(data)
    if (card.kind, card.classes) != (description.kind, description.classes):
        raise UserError(f"{model_file}: was trained for other classes than {data} has; train it again")
    write = {"classification": _classification, "segmentation": _segmentation}[card.kind]
    with replacing(predictions) as folder:
        folder.mkdir()
        tally, figures = write(model, card, data, description, folder, device)
        np.save(folder / "confusion.npy", tally.confusion.cpu().numpy().astype(np.int64))
    write_json(report, _rounded(tally.figures()) | figures)


def _logits(
    model: nn.Module, card: Card, data: Path, description: Description, device: torch.device, tally: Tally
) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits float32 and targets of each batch of the test split, counted in `tally`."""
    bar = progress(description.images["test"], "testing")
    with torch.inference_mode():
        for images, targets in whole_split(data, description, "test", device):
            with autocast(device, card.precision):
                logits = model(images).float()
            tally.add(logits, targets, cross_entropy(logits, targets))
            yield logits, targets
            bar.update(len(images))
    bar.close()


def _classification(
    model: nn.Module, card: Card, data: Path, description: Description, folder: Path, device: torch.device
) -> tuple[Tally, dict]:
    tally = Tally(card.kind, len(card.classes), device)
    batches = [
        (logits.cpu(), targets.cpu()) for logits, targets in _logits(model, card, data, description, device, tally)
    ]
    logits, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
    np.save(folder / "logits.npy", logits.numpy())
    confidence, predicted = logits.softmax(1).max(1)
    _write_csv(
        folder / "predictions.csv",
        ["index", "true", "predicted", "confidence"],
        [
            [index, card.classes[true], card.classes[guess], f"{sure:.6f}"]
            for index, (true, guess, sure) in enumerate(
                zip(targets.tolist(), predicted.tolist(), confidence.tolist(), strict=True)
            )
        ],
    )
    images = tally.confusion.sum(1)
    accuracy = tally.confusion.diagonal() / images
    figures = [
        {"name": name, "images": int(count), "accuracy": round(float(share), 6)}
        for name, count, share in zip(card.classes, images, accuracy, strict=True)
    ]
    return tally, {"classes": figures}


def _segmentation(
    model: nn.Module, card: Card, data: Path, description: Description, folder: Path, device: torch.device
) -> tuple[Tally, dict]:
    tally, masks = Tally(card.kind, len(card.classes), device), MaskTally(len(card.classes))
    (folder / "masks").mkdir()
    rows = []
    batches = _logits(model, card, data, description, device, tally)
    for path, (logits, targets) in zip(image_paths(data, "test"), batches, strict=True):
        truth = read_mask(mask_path(data, "test", path.stem))
        height, width = truth.shape
        predicted = logits.argmax(1)[0, :height, :width].byte().cpu().numpy()
        masks.add(truth, predicted)
        Image.fromarray(predicted).save(folder / "masks" / f"{path.stem}.png")
        rows.append([path.stem, f"{_figures_of_one(card, logits, targets)['mean_iou']:.6f}"])
    _write_csv(folder / "images.csv", ["image", "mean_iou"], rows)
    columns = _by_class(tally.confusion) | {"boundary_iou": torch.from_numpy(masks.boundary_iou())}
    figures = [
        {"name": name, "pixels": int(count), **{column: _number(values[n]) for column, values in columns.items()}}
        for n, (name, count) in enumerate(zip(card.classes, tally.confusion.sum(1), strict=True))
    ]
    foreground = [entry["iou"] for entry in figures[1:] if entry["iou"] is not None]
    mean = round(sum(foreground) / len(foreground), 6) if foreground else None
    return tally, {"mean_foreground_iou": mean, "classes": figures, "objects": masks.by_size()}


def _by_class(confusion: Tensor) -> dict[str, Tensor]:
    """Overlap, precision and recall of each class, float (classes,); NaN where there is nothing to divide by."""
    right = confusion.diagonal()
    return {
        "iou": intersection_over_union(confusion),
        "dice": dice_coefficient(confusion),
        "precision": right / confusion.sum(0),
        "recall": right / confusion.sum(1),
    }


def _figures_of_one(card: Card, logits: Tensor, targets: Tensor) -> dict[str, float]:
    tally = Tally(card.kind, len(card.classes), logits.device)
    tally.add(logits, targets, logits.new_zeros(()))
    return tally.figures()


def _number(value: Tensor) -> float | None:
    """Rounded, or None for what a class that does not occur does not have."""
    return None if value.isnan() else round(float(value), 6)


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in figures.items()}


def _write_csv(path: Path, header: list[str], rows: list[list]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
