"""Where a model looks on a few test images, right ones and wrong ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from darkroom.batches.normalize import normalize
from darkroom.batches.padding import pad
from darkroom.datasets.packed import read_split
from darkroom.datasets.pairs import image_paths, mask_path, read_image, read_mask
from darkroom.evaluation.grad_cam import grad_cam
from darkroom.evaluation.inference import TrainedModel
from darkroom.evaluation.tables import write_csv

MOST = 4  # images of each kind
MOST_CLASSES = 6  # of a segmentation


def explain_classes(trained: TrainedModel, logits: Tensor, targets: Tensor, folder: Path) -> None:
    """Explain what a classifier says of the images of `telling_images`.

    `explanations.csv` has a row for each: its index, its kind, and the names of its true and its predicted class;
    `explanations/INDEX_true.png` and `INDEX_predicted.png` are grey, bright where the image speaks for that class.
    """
    (folder / "explanations").mkdir()
    pixels, _ = read_split(trained.data, "test")
    predicted, names, rows = logits.argmax(1), trained.card.classes, []
    for kind, indices in telling_images(logits, targets).items():
        for index in indices:
            classes = {"true": int(targets[index]), "predicted": int(predicted[index])}
            for role, value in classes.items():
                heat = _heat(trained, pixels[index], lambda own, value=value: own[value])
                _save(folder / "explanations" / f"{index}_{role}.png", heat)
            rows.append([index, kind, *(names[value] for value in classes.values())])
    write_csv(folder / "explanations.csv", ["index", "kind", "true", "predicted"], rows)


def telling_images(logits: Tensor, targets: Tensor) -> dict[str, list[int]]:
    """Up to four images of each kind, none twice.

    `right` are the surest right answers, each of another class; `wrong` the surest errors; `confused` the surest
    others of the most frequent errors, each of another pair of classes.

    Args:
        logits: float (n, classes).
        targets: int64 (n,).
    """
    confidence, predicted = logits.softmax(1).max(1)
    table = pd.DataFrame({"true": targets, "predicted": predicted, "confidence": confidence})
    table = table.sort_values("confidence", ascending=False, kind="stable")
    is_right = table["true"] == table["predicted"]
    right, wrong = table[is_right].drop_duplicates("true"), table[~is_right]
    surest = wrong[:MOST]
    times = wrong.groupby(["true", "predicted"])["confidence"].transform("size")
    others = wrong.assign(times=times)[MOST:].sort_values("times", ascending=False, kind="stable")
    confused = others.drop_duplicates(["true", "predicted"])
    chosen = {"right": right, "wrong": surest, "confused": confused}
    return {kind: list(rows.index[:MOST]) for kind, rows in chosen.items()}


def explain_masks(trained: TrainedModel, iou: np.ndarray, folder: Path) -> None:
    """Explain how a segmentation finds up to six classes but the first, those first that it finds worst.

    `explanations.csv` has two rows for each, of the images in which it is found best and worst: class, its id, image,
    IoU; `explanations/ROW.png` is grey, bright where the image speaks for the class on its true pixels.

    Args:
        iou: of each test image and class, float (images, classes); NaN where the image does not show it.
    """
    (folder / "explanations").mkdir()
    files = image_paths(trained.data, "test")
    shown = [value for value in range(1, iou.shape[1]) if not np.isnan(iou[:, value]).all()]
    rows: list[list] = []
    for value in sorted(shown, key=lambda value: np.nanmean(iou[:, value]))[:MOST_CLASSES]:
        worst_first = np.argsort(iou[:, value], kind="stable")[: np.count_nonzero(~np.isnan(iou[:, value]))]
        for index in (worst_first[-1], worst_first[0]):  # two images even where the class is found in none
            image, name = read_image(files[index]), files[index].stem
            mask = read_mask(mask_path(trained.data, "test", name))
            is_class = (pad(mask[..., None])[..., 0] == value).to(trained.device)

            def ahead(logits: Tensor, value: int = value, is_class: Tensor = is_class) -> Tensor:
                """How far the class is ahead of the mean class: of a logit only differences mean something."""
                return (logits[value] - logits.mean(0))[is_class].sum()

            heat = _heat(trained, pad(image).numpy(), ahead)
            height, width = mask.shape
            _save(folder / "explanations" / f"{len(rows)}.png", heat[:height, :width])
            rows.append([trained.card.classes[value], value, name, f"{iou[index, value]:.4f}"])
    write_csv(folder / "explanations.csv", ["class", "id", "image", "iou"], rows)


def _heat(trained: TrainedModel, pixels: np.ndarray, score: Callable[[Tensor], Tensor]) -> np.ndarray:
    """Of an image, uint8 (h, w, 3), what speaks for a score, float32 (h, w) between 0 and 1."""
    image = normalize(torch.tensor(pixels, device=trained.device)[None], trained.card.mean, trained.card.std)
    return grad_cam(trained.model, trained.card.architecture.explained_layer(trained.model), image, score)


def _save(path: Path, heat: np.ndarray) -> None:
    Image.fromarray(np.rint(255 * heat).astype(np.uint8)).save(path)
