"""The audit of images with one class for each pixel."""

from pathlib import Path
from typing import Any

import numpy as np

from darkroom.audit.duplicates import find_duplicates
from darkroom.audit.findings import Finding, Place
from darkroom.audit.images import find_odd_images, list_corrupt
from darkroom.audit.kinds import Audited
from darkroom.audit.masks import find_mask_errors, score_mask
from darkroom.audit.outliers import find_outliers
from darkroom.audit.table import Entry, Named, Names, count_by_split
from darkroom.audit.thumbnails import read_thumbnails
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.pairs import image_paths, mask_path, read_mask, write_mask
from darkroom.datasets.report import read_report
from darkroom.evaluation.inference import TrainedModel
from darkroom.evaluation.intervals import Interval, share_interval
from darkroom.evaluation.kinds.segmentation import iou_ratios
from darkroom.models.model_file import load_model


def name_images(data: Path, _: Description) -> Names:
    """Return the names of all images, as `annotations.leave_out` takes them."""
    folders = {entry["split"]: entry["name"].rpartition("/")[0] for entry in read_report(data).get("check", [])}

    def name(split: str, stem: str) -> str:
        folder = folders.get(split, "")
        return f"{folder}/{stem}" if folder else stem

    return {split: [Named(name(split, path.stem)) for path in image_paths(data, split)] for split in SPLITS}


def find(audited: Audited, folder: Path) -> list[Finding]:
    """Return duplicates, images that look wrong by themselves and, with a model, likely wrong masks.

    Args:
        audited: the data set.
        folder: where predicted masks of likely wrong ones are written.
    """
    thumbnails = {split: read_thumbnails(audited.data, audited.description, split) for split in SPLITS}
    findings = [*find_duplicates(thumbnails), *find_odd_images(thumbnails), *find_outliers(thumbnails)]
    if audited.model is not None:
        device = audited.setup.device
        model, card = load_model(audited.model, device)
        trained = TrainedModel(model, card, audited.data, audited.description, device)
        for split in SPLITS:
            findings += _find_in_masks(trained, split, folder / "masks" / split)
    return findings


def _find_in_masks(trained: TrainedModel, split: str, folder: Path) -> list[Finding]:
    """Return the likely wrong masks of a split, and write their predictions to `folder`, which may be none."""
    folder.mkdir(parents=True)
    paths, scores, files = image_paths(trained.data, split), [], []
    for path, (_images, _targets, logits) in zip(paths, trained.batches(split), strict=True):
        mask = read_mask(mask_path(trained.data, split, path.stem))
        height, width = mask.shape
        probabilities = logits[0, :, :height, :width].softmax(0).cpu().numpy()
        scores.append(score_mask(probabilities, mask))
        files.append(folder / f"{path.stem}.png")
        write_mask(files[-1], probabilities.argmax(0).astype(np.uint8))
    errors, classes = find_mask_errors(scores), trained.card.classes
    for index in set(range(len(files))) - {error.index for error in errors}:
        files[index].unlink()
    return [
        Finding(
            "mask_error" if error.kind == "mask_error" else "boundary_error",
            Place(split, error.index),
            error.score,
            note=f"{classes[error.given]} → {classes[error.suggested]}" if error.kind == "mask_error" else "",
        )
        for error in errors
    ]


def count(data: Path, _: Description, entries: list[Entry]) -> dict[str, Any]:
    """Return the numbers of likely wrong masks in each split, of files that do not decode, and `imbalance`.

    The imbalance is that of the training images with a class; the background is no class here.
    """
    report = read_report(data)
    images = [entry["splits"]["train"]["images"] for entry in report["classes"][1:]]
    ratio = round(max(images) / min(images), 2) if images and min(images) else None
    return {
        "mask_errors": count_by_split(entries, "mask_error"),
        "boundary_errors": count_by_split(entries, "boundary_error"),
        "imbalance": ratio,
        "corrupt": len(list_corrupt(report)),  # left out of the data set by `skip_bad`
    }


def score(predictions: Path, left_out: list[int]) -> tuple[float | None, Interval | None]:
    """Return the mean IoU of the test split without some of its images, and its bootstrap interval over images."""
    counts = np.load(predictions / "image_counts.npy")
    kept = np.delete(counts, left_out, axis=0)
    if not kept.any():
        return None, None
    ratios = iou_ratios(kept)
    value = float(ratios.estimates(np.ones((1, len(kept))))[0][0])
    return value, share_interval(ratios)
