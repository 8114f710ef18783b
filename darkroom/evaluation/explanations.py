"""Layer-CAM heat maps for a few test images, of correct and of wrong predictions."""

from collections.abc import Callable
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from darkroom.batches.normalize import normalize
from darkroom.batches.padding import pad
from darkroom.common.files import write_csv
from darkroom.datasets.packed import read_split
from darkroom.datasets.pairs import image_paths, mask_path, read_image, read_mask
from darkroom.evaluation.inference import TrainedModel
from darkroom.evaluation.layer_cam import layer_cam

IMAGES_PER_KIND = 4
MAX_CLASSES = 6  # that are explained in segmentation


def explain_classes(trained: TrainedModel, logits: Tensor, targets: Tensor, folder: Path) -> None:
    """Write heat maps of a classifier for the images that `select_images` selects.

    `explanations.csv` has a row for each image: its index, its kind, and the names of its true and its predicted class.
    `explanations/INDEX_true.png` and `INDEX_predicted.png` are grey images, bright where pixels raise the logit of that
    class.

    Args:
        trained: the model and its data set.
        logits: of the test images, float (n, classes).
        targets: their class ids, int64 (n,).
        folder: where to write.
    """
    (folder / "explanations").mkdir()
    pixels, _ = read_split(trained.data, "test")
    predicted, names = logits.argmax(1), trained.card.classes
    rows: list[list[int | str]] = []
    for kind, indices in select_images(logits, targets).items():
        for index in indices:
            classes = {"true": int(targets[index]), "predicted": int(predicted[index])}
            for role, value in classes.items():
                heat = _heat_map(trained, pixels[index], itemgetter(value))
                _save(folder / "explanations" / f"{index}_{role}.png", heat)
            rows.append([index, kind, *(names[value] for value in classes.values())])
    write_csv(folder / "explanations.csv", ["index", "kind", "true", "predicted"], rows)


def select_images(logits: Tensor, targets: Tensor) -> dict[str, list[int]]:
    """Select up to four images of each kind. No image is selected twice.

    Args:
        logits: float (n, classes).
        targets: int64 (n,).

    Returns:
        Indices of images by kind. `right`: the correct predictions of highest confidence, one for each class. `wrong`:
        the wrong predictions of highest confidence. `confused`: of the most frequently confused pairs of true and
        predicted class, the prediction of highest confidence that is not in `wrong`.
    """
    confidence, predicted = logits.softmax(1).max(1)
    table = pd.DataFrame({"true": targets, "predicted": predicted, "confidence": confidence})
    table = table.sort_values("confidence", ascending=False, kind="stable")
    is_right = table["true"] == table["predicted"]
    right, wrong = table[is_right].drop_duplicates("true"), table[~is_right]
    frequency = wrong.groupby(["true", "predicted"])["confidence"].transform("size")
    others = wrong.assign(frequency=frequency)[IMAGES_PER_KIND:]
    others = others.sort_values("frequency", ascending=False, kind="stable")
    confused = others.drop_duplicates(["true", "predicted"])
    selected = {"right": right, "wrong": wrong, "confused": confused}
    return {kind: list(rows.index[:IMAGES_PER_KIND]) for kind, rows in selected.items()}


def explain_masks(trained: TrainedModel, iou: NDArray[np.floating], folder: Path) -> None:
    """Write heat maps of a segmentation model for the foreground classes of lowest mean IoU, six at most.

    `explanations.csv` has two rows for each class, of the images with its highest and its lowest IoU: class, class id,
    image and IoU. `explanations/ROW.png` is a grey image, bright where pixels raise the logit of the class on its true
    pixels.

    Args:
        trained: the model and its data set.
        iou: of each test image and class, float (images, classes); NaN where the image does not show the class.
        folder: where to write.
    """
    (folder / "explanations").mkdir()
    files = image_paths(trained.data, "test")
    present = [value for value in range(1, iou.shape[1]) if not np.isnan(iou[:, value]).all()]
    rows: list[list[int | str]] = []
    for value in sorted(present, key=lambda value: float(np.nanmean(iou[:, value])))[:MAX_CLASSES]:
        worst_first = np.argsort(iou[:, value], kind="stable")[: np.count_nonzero(~np.isnan(iou[:, value]))]
        for index in (worst_first[-1], worst_first[0]):  # both also where every IoU of the class is 0
            image, name = read_image(files[index]), files[index].stem
            mask = read_mask(mask_path(trained.data, "test", name))
            is_class = (pad(mask[..., None])[..., 0] == value).to(trained.device)

            def score(logits: Tensor, value: int = value, is_class: Tensor = is_class) -> Tensor:
                """Return the logit minus the mean over classes, since only differences of logits have a meaning."""
                return (logits[value] - logits.mean(0))[is_class].sum()

            heat = _heat_map(trained, pad(image).numpy(), score)
            height, width = mask.shape
            _save(folder / "explanations" / f"{len(rows)}.png", heat[:height, :width])
            rows.append([trained.card.classes[value], value, name, f"{iou[index, value]:.4f}"])
    write_csv(folder / "explanations.csv", ["class", "id", "image", "iou"], rows)


def _heat_map(
    trained: TrainedModel, pixels: NDArray[np.uint8], score: Callable[[Tensor], Tensor]
) -> NDArray[np.float32]:
    """Return the Layer-CAM heat map of a score for an image, uint8 (h, w, 3); float32 (h, w) from 0 to 1."""
    image = normalize(torch.tensor(pixels, device=trained.device)[None], trained.card.mean, trained.card.std)
    return layer_cam(trained.model, trained.card.architecture.explained_layer(trained.model), image, score)


def _save(path: Path, heat: NDArray[np.float32]) -> None:
    """Write a heat map as a grey image."""
    Image.fromarray(np.rint(255 * heat).astype(np.uint8)).save(path)
