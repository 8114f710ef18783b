"""Figures of images with their predictions or masks."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from darkroom.datasets.pairs import IGNORED, image_paths, mask_path, read_image, read_mask
from darkroom.figures.style import GREEN, RED, save, short

ROWS, COLUMNS = 4, 8  # of the grid of predictions
ERROR_ROWS, ERROR_COLUMNS = 4, 5  # of the grid of errors
FLIPS = 8  # images in a row of the figure of changed predictions
EXTREMES = 3  # images with the worst IoU, and as many with the best
RAREST = 3  # rare classes that the contact sheet shows


def draw_predictions(images: np.ndarray, predictions: pd.DataFrame, path: Path) -> None:
    """Draw a grid of test images with their true and predicted classes. Up to half of them are errors.

    Args:
        images: uint8 (n, h, w, 3).
        predictions: a row for each image, with the columns true, predicted and confidence.
        path: of the PNG file.
    """
    is_right = predictions["true"] == predictions["predicted"]
    right, wrong = list(predictions.index[is_right]), list(predictions.index[~is_right])
    count = min(ROWS * COLUMNS, len(predictions))
    errors = min(len(wrong), max(count // 2, count - len(right)))
    shown = sorted(_spread(wrong, errors) + _spread(right, count - errors))
    title = f"Test images: {len(right)} right (green), {len(wrong)} wrong (red), with the model's confidence"
    _draw_grid(images, predictions.loc[shown], (ROWS, COLUMNS), title, path)


def draw_confident_errors(images: np.ndarray, predictions: pd.DataFrame, path: Path) -> None:
    """Draw a grid of the errors with the highest confidence. The arguments are those of `draw_predictions`."""
    wrong = predictions[predictions["true"] != predictions["predicted"]]
    shown = wrong.sort_values("confidence", ascending=False, kind="stable")[: ERROR_ROWS * ERROR_COLUMNS]
    title = f"The {len(shown)} most confident errors, with the model's confidence" if len(shown) else "No errors"
    _draw_grid(images, shown, (ERROR_ROWS, ERROR_COLUMNS), title, path)


def draw_flips(images: np.ndarray, changes: pd.DataFrame, names: tuple[str, str], path: Path) -> None:
    """Draw images that only one of two models classifies correctly, those with the highest confidence first.

    Args:
        images: uint8 (n, h, w, 3).
        changes: a row for each image, with the columns true, predicted_a, confidence_a, predicted_b and confidence_b.
        names: the names of the models a and b.
        path: of the PNG file.
    """
    right = [changes[f"predicted_{side}"] == changes["true"] for side in "ab"]
    confidence = changes["confidence_a"] + changes["confidence_b"]
    kinds = {"broken": right[0] & ~right[1], "fixed": right[1] & ~right[0]}
    shown = [
        (index, what)
        for what, chosen in kinds.items()
        for index in confidence[chosen].sort_values(ascending=False, kind="stable").index[: 2 * FLIPS]
    ]
    rows = max(1, -(-len(shown) // FLIPS))
    figure, axes = plt.subplots(rows, FLIPS, figsize=(FLIPS * 1.5, rows * 1.85 + 0.4))
    for axis in axes.flat:
        axis.axis("off")
    for axis, (index, what) in zip(axes.flat, shown, strict=False):
        axis.imshow(images[index], interpolation="nearest")
        change = " → ".join(short(changes.loc[index, f"predicted_{side}"]) for side in "ab")
        axis.set_title(f"{what}\n{change}", fontsize=7, color=GREEN if what == "fixed" else RED)
    broken, fixed = (int(chosen.sum()) for chosen in kinds.values())
    figure.suptitle(f"From {short(names[0])} to {short(names[1])}: {broken} images broken (red), {fixed} fixed (green)")
    save(figure, path)


def _draw_grid(images: np.ndarray, shown: pd.DataFrame, grid: tuple[int, int], title: str, path: Path) -> None:
    """Draw the images that the index of `shown` names, in a grid of (rows, columns)."""
    rows, columns = grid
    figure, axes = plt.subplots(rows, columns, figsize=(columns * 1.5, rows * 1.85))
    for axis in axes.flat:
        axis.axis("off")
    chosen = images[shown.index.to_numpy(dtype=int)]
    for axis, image, (_, row) in zip(axes.flat, chosen, shown.iterrows(), strict=False):
        axis.imshow(image, interpolation="nearest")
        is_right = row["true"] == row["predicted"]
        text = short(row["true"]) if is_right else f"{short(row['true'])}\npredicted as {short(row['predicted'])}"
        axis.set_title(f"{text}\n{row['confidence']:.0%}", fontsize=7, color=GREEN if is_right else RED)
    figure.suptitle(title)
    save(figure, path)


def draw_overlays(data: Path, predictions: Path, iou: pd.Series, classes: list[str], path: Path) -> None:
    """Draw image, true mask and predicted mask of the test images with the worst and the best mean IoU.

    Args:
        data: the prepared data set.
        predictions: the folder that the stage `evaluate` wrote.
        iou: the mean IoU of each image, indexed by the image's name.
        classes: the names of all classes by id.
        path: of the PNG file.
    """
    order = list(iou.sort_values(kind="stable").index)
    shown = order if len(order) <= 2 * EXTREMES else order[:EXTREMES] + order[-EXTREMES:]
    files = {image.stem: image for image in image_paths(data, "test")}
    colours = class_colours(len(classes))
    figure, axes = plt.subplots(len(shown), 3, figsize=(9, 2.3 * len(shown) + 0.8), squeeze=False)
    for row, name in zip(axes, shown, strict=True):
        image = read_image(files[name])
        masks = [None, read_mask(mask_path(data, "test", name)), read_mask(predictions / "masks" / f"{name}.png")]
        for axis, mask, title in zip(
            row, masks, (short(name), "truth", f"prediction, IoU {iou[name]:.2f}"), strict=True
        ):
            axis.imshow(image if mask is None else overlay(image, mask, colours))
            axis.set_title(title, fontsize=9)
            axis.axis("off")
    figure.legend(handles=_legend(classes, colours), loc="outside lower center", ncols=6, fontsize=8)
    figure.suptitle("Test images with the worst and the best mean IoU, the worst first")
    save(figure, path)


def draw_contact_sheet(images: list[Path], masks: list[Path], classes: list[str], path: Path) -> None:
    """Draw image, mask and overlay of the pairs that are most likely to reveal a wrong conversion.

    They are the first pair, the pairs with the least and the most foreground, and those with the rarest classes.

    Args:
        images: the image file of each pair.
        masks: the mask file of each pair, in the same order.
        classes: the names of all classes by id.
        path: of the PNG file.
    """
    shares = np.stack([_class_shares(read_mask(mask), len(classes)) for mask in masks])
    colours = class_colours(len(classes))
    chosen = _choose_pairs(shares, classes)
    figure, axes = plt.subplots(len(chosen), 3, figsize=(9, 2.4 * len(chosen) + 0.8), squeeze=False)
    for row, (index, why) in zip(axes, chosen.items(), strict=True):
        image, mask = read_image(images[index]), read_mask(masks[index])
        plain = overlay(np.full_like(image, 255), mask, colours, opacity=1.0)
        titles = (f"{short(images[index].stem)}: {why}", "mask", "overlay")
        for axis, picture, title in zip(row, (image, plain, overlay(image, mask, colours)), titles, strict=True):
            axis.imshow(picture)
            axis.set_title(title, fontsize=9)
            axis.axis("off")
    figure.legend(handles=_legend(classes, colours), loc="outside lower center", ncols=6, fontsize=8)
    figure.suptitle("Annotations as they were converted")
    save(figure, path)


def _class_shares(mask: np.ndarray, classes: int) -> np.ndarray:
    """Return the share of each class in the pixels of a mask, float (classes,)."""
    shares: np.ndarray = np.bincount(mask.ravel(), minlength=256)[:classes] / mask.size
    return shares


def _choose_pairs(shares: np.ndarray, classes: list[str]) -> dict[int, str]:
    """Return the rows of `shares`, float (n, classes), that the contact sheet shows, each with the reason."""
    foreground = shares[:, 1:].sum(axis=1)
    chosen = {0: "the first"}
    chosen.setdefault(int(foreground.argmin()), "least foreground")
    chosen.setdefault(int(foreground.argmax()), "most foreground")
    present = np.flatnonzero(shares.any(axis=0))
    for value in sorted(present, key=lambda value: shares[:, value].sum())[:RAREST]:
        if value:
            chosen.setdefault(int(shares[:, value].argmax()), f"most of the rare class {short(classes[value])}")
    return chosen


def _legend(classes: list[str], colours: np.ndarray) -> list[Patch]:
    handles = [Patch(color=colour, label=short(name)) for name, colour in zip(classes[1:], colours[1:], strict=True)]
    return [*handles, Patch(color="black", label="ignored")]


def class_colours(count: int) -> np.ndarray:
    """Return a colour for each class id, float (count, 3) between 0 and 1.

    The background is black. The other classes have 25 colours in turn.
    """
    maps = [plt.get_cmap(name) for name in ("Set1", "Dark2", "Set2")]
    table = np.concatenate([one(np.arange(one.N))[:, :3] for one in maps])
    return np.concatenate([np.zeros((1, 3)), table[np.arange(count - 1) % len(table)]])


def overlay(image: np.ndarray, mask: np.ndarray, colours: np.ndarray, opacity: float = 0.6) -> np.ndarray:
    """Lay the colours of a mask, uint8 (h, w), over a grey copy of an image; uint8 (h, w, 3).

    Ignored pixels are black.
    """
    grey = image.mean(axis=2, keepdims=True).repeat(3, axis=2)
    known = np.where(mask == IGNORED, 0, mask)
    coloured = (1 - opacity) * grey + opacity * 255 * colours[known]
    result = np.where((known > 0)[..., None], coloured, grey)
    return np.where((mask == IGNORED)[..., None], 0, result).astype(np.uint8)


def _spread(items: list[Any], count: int) -> list[Any]:
    """Return `count` of `items`, evenly spread from the first to the last."""
    if count >= len(items):
        return list(items)
    return [items[round(step * (len(items) - 1) / max(1, count - 1))] for step in range(count)]
