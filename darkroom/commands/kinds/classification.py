"""Commands for images with one class each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageOps
from torch import nn

from darkroom.annotations.writers import PNG
from darkroom.commands.images import decode, logits_of_image
from darkroom.commands.kinds import Answer
from darkroom.commands.predictions import SIDES, predictions_at
from darkroom.common.errors import UserError
from darkroom.common.numbers import DIGITS
from darkroom.evaluation.intervals import accuracy_difference
from darkroom.evaluation.tables import truth_ranks
from darkroom.models.model_file import Card

MOST_CLASSES = 5  # printed for each image
CAN_JOIN = True


def compare(
    task: str, revisions: tuple[str, str], reports: list[dict[str, Any]]
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Compare accuracy, images, classes and ranks, as `KindCommands.compare`."""
    tables = [predictions_at(task, revision) for revision in revisions]
    if len(tables[0]) != len(tables[1]) or (tables[0]["true"] != tables[1]["true"]).any():
        raise UserError(f"{task}: {' and '.join(revisions)} were evaluated on different test images")
    images = tables[0][["index", "true"]].copy()
    for side, table in zip(SIDES, tables, strict=True):
        for column in ("predicted", "confidence"):
            images[f"{column}_{side}"] = table[column]
        images[f"rank_{side}"] = truth_ranks(table)
    right = {side: images[f"rank_{side}"] == 1 for side in SIDES}
    fixed, broken = int((right["b"] & ~right["a"]).sum()), int((right["a"] & ~right["b"]).sum())
    ranks = images.groupby(["rank_a", "rank_b"]).size().reset_index(name="images")
    by_class = pd.DataFrame({side: right[side].groupby(images["true"]).mean().round(DIGITS) for side in SIDES})
    return {
        "difference": accuracy_difference(fixed, broken, len(images)),
        "accuracy": {side: report["accuracy"] for side, report in zip(SIDES, reports, strict=True)},
        "images": {
            "both_right": int((right["a"] & right["b"]).sum()),
            "fixed": fixed,
            "broken": broken,
            "both_wrong": int((~right["a"] & ~right["b"]).sum()),
        },
        "classes": [{"class": name, **row} for name, row in by_class.to_dict("index").items()],
        "ranks": ranks.to_dict("records"),
    }, images  # fmt: skip


def predict(
    task: str, model: nn.Module, card: Card, files: list[Path], _out: Path | None, to: str
) -> Iterator[tuple[Path, Answer]]:
    """Yield the five most probable classes of each image with their probabilities, in descending order."""
    if to != PNG:
        raise UserError(f"{task}: is a classification; --to {to} is for the predictions of a segmentation")
    height, width = card.image_size
    for file in files:
        image = decode(file)
        if isinstance(image, UserError):
            yield file, image
            continue
        if image.size != (width, height):
            image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
        probabilities = logits_of_image(model, card, np.asarray(image)).softmax(1)[0]
        best = probabilities.topk(min(MOST_CLASSES, len(card.classes)))
        yield file, {card.classes[index]: float(share) for share, index in zip(*best, strict=True)}
