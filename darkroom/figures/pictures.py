"""Figures of images with what was predicted for them."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from darkroom.datasets.pairs import IGNORED, image_paths, mask_path, read_image, read_mask
from darkroom.figures.style import GREEN, RED, save, short

ROWS, COLUMNS = 4, 8  # of the grid of predictions
ERROR_ROWS, ERROR_COLUMNS = 4, 5  # of that of errors
FLIPS = 8  # images in a row of those that one of two models gets right
EXTREMES = 3  # images shown at either end, the worst and the best
RAREST = 3  # classes on the contact sheet of a conversion


def draw_predictions(images: np.ndarray, predictions: pd.DataFrame, path: Path) -> None:
    """A grid of test images with true and predicted names, up to half of them errors.

    Args:
        images: uint8 (n, h, w, 3).
        predictions: a row for each image: true, predicted, confidence.
    """
    is_right = predictions["true"] == predictions["predicted"]
    right, wrong = list(predictions.index[is_right]), list(predictions.index[~is_right])
    count = min(ROWS * COLUMNS, len(predictions))
    errors = min(len(wrong), max(count // 2, count - len(right)))
    shown = sorted(_spread(wrong, errors) + _spread(right, count - errors))
    title = f"Test images: {len(right)} right (green), {len(wrong)} wrong (red), with the model's confidence"
    _draw_grid(images, predictions.loc[shown], (ROWS, COLUMNS), title, path)


def draw_confident_errors(images: np.ndarray, predictions: pd.DataFrame, path: Path) -> None:
    """A grid of the errors that the model is surest of; arguments as of `draw_predictions`."""
    wrong = predictions[predictions["true"] != predictions["predicted"]]
    shown = wrong.sort_values("confidence", ascending=False, kind="stable")[: ERROR_ROWS * ERROR_COLUMNS]
    title = f"The {len(shown)} errors that the model is surest of, with its confidence" if len(shown) else "No errors"
    _draw_grid(images, shown, (ERROR_ROWS, ERROR_COLUMNS), title, path)


def draw_flips(images: np.ndarray, changes: pd.DataFrame, names: tuple[str, str], path: Path) -> None:
    """Images that only one of two models gets right, those first of which both together are surest.

    Args:
        images: uint8 (n, h, w, 3).
        changes: a row for each image: true, and of either model predicted_a, confidence_a, predicted_b, confidence_b.
        names: of the models.
    """
    right = [changes[f"predicted_{side}"] == changes["true"] for side in "ab"]
    sure = changes["confidence_a"] + changes["confidence_b"]
    kinds = {"broken": right[0] & ~right[1], "fixed": right[1] & ~right[0]}
    shown = [
        (index, what)
        for what, chosen in kinds.items()
        for index in sure[chosen].sort_values(ascending=False, kind="stable").index[: 2 * FLIPS]
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
    """`images` at the index of `shown`, in `grid` (rows, columns)."""
    rows, columns = grid
    figure, axes = plt.subplots(rows, columns, figsize=(columns * 1.5, rows * 1.85))
    for axis in axes.flat:
        axis.axis("off")
    for axis, (index, row) in zip(axes.flat, shown.iterrows(), strict=False):
        axis.imshow(images[index], interpolation="nearest")
        is_right = row["true"] == row["predicted"]
        text = short(row["true"]) if is_right else f"{short(row['true'])}\ntaken for {short(row['predicted'])}"
        axis.set_title(f"{text}\n{row['confidence']:.0%}", fontsize=7, color=GREEN if is_right else RED)
    figure.suptitle(title)
    save(figure, path)


def draw_overlays(data: Path, predictions: Path, iou: pd.Series, classes: list[str], path: Path) -> None:
    """Image, true mask and predicted mask of the test images with the worst and the best mean IoU.

    Args:
        iou: of each image, indexed by its name.
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
    figure.suptitle("The test images with the worst and the best mean IoU, from the worst on")
    save(figure, path)


def draw_contact_sheet(images: list[Path], masks: list[Path], classes: list[str], path: Path) -> None:
    """Image, mask and overlay of the pairs in which a wrong conversion shows first.

    These are the first pair, the ones with the least and the most foreground, and those with the rarest classes.

    Args:
        images, masks: of each pair, in the same order.
    """
    shares = np.stack([_class_shares(read_mask(mask), len(classes)) for mask in masks])
    colours = class_colours(len(classes))
    chosen = _telling(shares, classes)
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
    return np.bincount(mask.ravel(), minlength=256)[:classes] / mask.size


def _telling(shares: np.ndarray, classes: list[str]) -> dict[int, str]:
    """Which rows of `shares` (n, classes) to look at, and why."""
    foreground = shares[:, 1:].sum(axis=1)
    chosen = {0: "the first"}
    chosen.setdefault(int(foreground.argmin()), "least foreground")
    chosen.setdefault(int(foreground.argmax()), "most foreground")
    present = np.flatnonzero(shares.any(axis=0))
    for value in sorted(present, key=lambda value: shares[:, value].sum())[:RAREST]:
        if value:
            chosen.setdefault(int(shares[:, value].argmax()), f"most of the rare {short(classes[value])}")
    return chosen


def _legend(classes: list[str], colours: np.ndarray) -> list[Patch]:
    handles = [Patch(color=colour, label=short(name)) for name, colour in zip(classes[1:], colours[1:], strict=True)]
    return [*handles, Patch(color="black", label="ignored")]


def class_colours(count: int) -> np.ndarray:
    """A colour for each class id, float (count, 3) between 0 and 1, black for the background; 25, then again."""
    table = np.concatenate([plt.get_cmap(name).colors for name in ("Set1", "Dark2", "Set2")])
    return np.concatenate([np.zeros((1, 3)), table[np.arange(count - 1) % len(table)]])


def overlay(image: np.ndarray, mask: np.ndarray, colours: np.ndarray, opacity: float = 0.6) -> np.ndarray:
    """The classes of `mask`, uint8 (h, w), over `image`, uint8 (h, w, 3), in grey; ignored pixels turn black."""
    grey = image.mean(axis=2, keepdims=True).repeat(3, axis=2)
    known = np.where(mask == IGNORED, 0, mask)
    laid = (1 - opacity) * grey + opacity * 255 * colours[known]
    result = np.where((known > 0)[..., None], laid, grey)
    return np.where((mask == IGNORED)[..., None], 0, result).astype(np.uint8)


def _spread(items: list, count: int) -> list:
    """`count` of `items`, evenly spread over them, the first and the last among them."""
    if count >= len(items):
        return list(items)
    return [items[round(step * (len(items) - 1) / max(1, count - 1))] for step in range(count)]
