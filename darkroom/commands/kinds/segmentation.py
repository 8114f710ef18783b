"""Commands for images with one class for each pixel."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from torch import nn

from darkroom.annotations.draw import write_image
from darkroom.annotations.pair import folded
from darkroom.annotations.writers import PNG
from darkroom.annotations.writers._base import DrawnImage, Written, load_writer
from darkroom.batches.padding import pad
from darkroom.commands.images import decode, logits_of_image
from darkroom.commands.kinds import Answer
from darkroom.commands.predictions import SIDES, classes_at, predictions_file, table_at
from darkroom.common.errors import UserError
from darkroom.common.files import remove, replacing
from darkroom.common.numbers import DIGITS
from darkroom.common.progress import progress
from darkroom.datasets.pairs import write_mask
from darkroom.evaluation.kinds.segmentation import difference
from darkroom.figures.pictures import class_colours, overlay
from darkroom.models.model_file import Card

MOST_IMAGES = 10  # printed of the images with the largest gains, and as many of those with the largest losses
CAN_JOIN = False


def compare(
    task: str, revisions: tuple[str, str], reports: list[dict[str, Any]]
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Compare IoU by class and by image, as `KindCommands.compare`."""
    tables = [table_at(task, "images.csv", revision).set_index("image") for revision in revisions]
    if list(tables[0].index) != list(tables[1].index):
        raise UserError(f"{task}: {' and '.join(revisions)} were evaluated on different test images")
    images = pd.DataFrame({side: table["mean_iou"] for side, table in zip(SIDES, tables, strict=True)})
    images["change"] = (images["b"] - images["a"]).round(DIGITS)
    images = images.reset_index()
    order = images.sort_values("change", kind="stable")
    classes = [classes_at(task, revision).set_index("class")["iou"] for revision in revisions]
    iou = [{name: None if np.isnan(value) else value for name, value in table.items()} for table in classes]
    readers = [partial(predictions_file, task, revision) for revision in revisions]
    try:
        found = difference("mean_iou", *readers)
    except UserError:  # a revision from before the stage `evaluate` wrote the counts of images
        found = None
    return {
        "difference": found,
        "mean_iou": {side: report["mean_iou"] for side, report in zip(SIDES, reports, strict=True)},
        "classes": [{"class": name, "a": iou[0][name], "b": iou[1][name]} for name in iou[1]],
        "gained_most": order[order["change"] > 0][::-1][:MOST_IMAGES].to_dict("records"),
        "lost_most": order[order["change"] < 0][:MOST_IMAGES].to_dict("records"),
    }, images  # fmt: skip


def predict(
    task: str, model: nn.Module, card: Card, files: list[Path], out: Path | None, to: str
) -> list[tuple[Path, Answer]]:
    """Write a mask and an overlay of each image to `out`, or the layout `to`; return the shares of the classes."""
    if out is None:
        raise UserError(f"{task}: is a segmentation; give a new folder for its masks: --out FOLDER")
    if out.exists():
        raise UserError(f"{out}: exists already; give a new folder or remove it")
    named: dict[str, Path] = {}
    for file in files:
        other = named.setdefault(folded(file.stem), file)
        if other is not file:
            raise UserError(f"{out}: {other} and {file} would have masks of the same name; predict them in two calls")
    colours = class_colours(len(card.classes))
    written: list[Written] = []
    answers: list[tuple[Path, Answer]] = []
    bar = progress(len(files), "predicting", lines=False)
    with replacing(out) as folder:
        writer = None if to == PNG else load_writer(to)(folder, card.classes)
        for place in (folder / "masks", folder / "overlays") if writer is None else (writer.image_folder(None),):
            place.mkdir(parents=True)
        for file in files:
            bar.update()
            decoded = decode(file)
            if isinstance(decoded, UserError):
                answers.append((file, decoded))
                continue
            image = np.asarray(decoded)
            height, width = image.shape[:2]
            mask = logits_of_image(model, card, pad(image).numpy()).argmax(1)[0, :height, :width].byte().cpu().numpy()
            if writer is None:
                write_mask(folder / "masks" / f"{file.stem}.png", mask)
                Image.fromarray(overlay(image, mask, colours)).save(folder / "overlays" / f"{file.stem}.png")
            else:
                path = write_image(file.read_bytes(), decoded, writer.image_folder(None), file.stem)
                written.append(writer.write(DrawnImage(file.stem, None, path, mask)))
            counts = np.bincount(mask.ravel(), minlength=len(card.classes)) / mask.size
            largest_first = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
            answers.append((file, {card.classes[value]: float(counts[value]) for value in largest_first}))
        if writer is not None:
            writer.finish(written)
            for remark in writer.remarks(written):
                print(f"{out}: {remark}", file=sys.stderr)
    bar.close()
    if all(isinstance(one, UserError) for _, one in answers):
        remove(out)  # it is empty
    return answers
