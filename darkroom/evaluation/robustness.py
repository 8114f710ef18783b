"""Scores under corruptions of the test images, by kind and severity."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.batches.normalize import mask_targets, normalize
from darkroom.batches.padding import pad
from darkroom.common.files import write_csv
from darkroom.common.numbers import round_metric
from darkroom.common.progress import progress
from darkroom.datasets.packed import read_split
from darkroom.datasets.pairs import IGNORED, image_paths, mask_path, read_image, read_mask
from darkroom.evaluation.corruptions import SEVERITIES, corrupt, corruption_names
from darkroom.evaluation.inference import TrainedModel
from darkroom.evaluation.intervals import Interval, Ratios, share_interval
from darkroom.evaluation.scales import SCALES, rescale
from darkroom.losses.cross_entropy import cross_entropy
from darkroom.metrics.classes import OverlapTally

BATCH = 500  # images
OF_PIXELS = ("defocus_blur", "gaussian_noise", "jpeg_compression")  # the corruptions that segmentations are tried on


def evaluate_corruptions(trained: TrainedModel, folder: Path) -> tuple[float, Interval | None]:
    """Return the mean corruption error of a classification, and its 95 % interval over images.

    The mean is over all corruptions and severities, and not normalized. Write `corruptions.csv` to `folder`: the
    accuracy by corruption and severity.

    Args:
        trained: the model and its data set.
        folder: where to write.
    """
    images, labels = read_split(trained.data, "test")
    names = corruption_names()
    bar = progress(len(labels) * len(names) * len(SEVERITIES), "corrupted images")

    errors = np.zeros(len(labels))  # of each image, over all corruptions

    def accuracy(name: str, severity: int) -> float:
        wrong = []
        for _, targets, logits in trained.predict(corrupted_batches(trained, images, labels, name, severity)):
            wrong.append((logits.argmax(1) != targets).cpu().numpy())
            bar.update(len(targets))
        errors[:] += np.concatenate(wrong)
        return 1 - float(np.concatenate(wrong).mean())

    rows = [(name, severity, round_metric(accuracy(name, severity))) for name in names for severity in SEVERITIES]
    bar.close()
    write_csv(folder / "corruptions.csv", ["corruption", "severity", "accuracy"], rows)
    of_all = Ratios(errors[:, None], np.full((len(labels), 1), float(len(rows))))
    return 1 - _mean_score(rows), share_interval(of_all)


def corrupted_batches(
    trained: TrainedModel, images: NDArray[np.uint8], labels: NDArray[np.int64], name: str, severity: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield normalized batches of corrupted images, float (b, 3, h, w), and their class ids, int64 (b,).

    Args:
        trained: the model and its data set.
        images: uint8 (n, h, w, 3).
        labels: class ids, int64 (n,).
        name: of the corruption.
        severity: 1 to 5.
    """
    mean, std = trained.description.mean, trained.description.std
    for start in range(0, len(labels), BATCH):
        part = slice(start, start + BATCH)
        corrupted = corrupt(np.asarray(images[part]), name, severity, range(len(labels))[part])
        targets = torch.from_numpy(labels[part]).to(trained.device)
        yield normalize(torch.from_numpy(corrupted).to(trained.device), mean, std), targets


def evaluate_corrupted_masks(trained: TrainedModel, folder: Path) -> float:
    """Return the mean of the mean IoU of a segmentation over scales, blur, noise and JPEG compression.

    Write `corruptions.csv` to `folder`: the mean IoU by corruption and severity.

    Args:
        trained: the model and its data set.
        folder: where to write.
    """
    names = [*SCALES, *OF_PIXELS]
    count = trained.description.images["test"]
    bar = progress(count * len(names) * len(SEVERITIES), "corrupted images")

    def mean_iou(name: str, severity: int) -> float:
        tally = OverlapTally(len(trained.card.classes), trained.device)
        for _, targets, logits in trained.predict(_corrupted_pairs(trained, name, severity)):
            tally.add(logits, targets, cross_entropy(logits, targets))
            bar.update(len(targets))
        return tally.compute()["mean_iou"]

    rows = [(name, severity, round_metric(mean_iou(name, severity))) for name in names for severity in SEVERITIES]
    bar.close()
    write_csv(folder / "corruptions.csv", ["corruption", "severity", "mean_iou"], rows)
    return _mean_score(rows)


def _corrupted_pairs(trained: TrainedModel, name: str, severity: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one normalized, padded and corrupted image at a time with its targets, as `whole_split` does."""
    for index, path in enumerate(image_paths(trained.data, "test")):
        image, mask = read_image(path), read_mask(mask_path(trained.data, "test", path.stem))
        if name in SCALES:
            image, mask = rescale(image, mask, SCALES[name][severity - 1])
        else:
            image = corrupt(image[None], name, severity, [index])[0]
        pixels = pad(image)[None].to(trained.device)
        targets = mask_targets(pad(mask[..., None], IGNORED)[None, ..., 0]).to(trained.device)
        yield normalize(pixels, trained.description.mean, trained.description.std), targets


def _mean_score(rows: list[tuple[str, int, float]]) -> float:
    """Return the mean of the last column."""
    return float(np.mean([score for *_, score in rows]))
