"""Metrics of predicted classes of images, points or pixels."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from darkroom.common.numbers import IGNORE_INDEX
from darkroom.device.precision import tally_device

SAMPLED_PIXELS = 2_000  # of an image, by which the confidence of a segmentation is judged


def identity(count: Tensor) -> Tensor:
    """Return `count` unchanged: with one process it is the sum over all processes."""
    return count


class ClassTally:
    """Loss and confusion matrix, accumulated batch by batch, on the device if it has float64.

    Args:
        classes: their number.
        device: of the logits.
        sum_counts: returns the sum of a tensor over all processes.
    """

    def __init__(self, classes: int, device: torch.device, sum_counts: Callable[[Tensor], Tensor] = identity) -> None:
        self.classes, self.sum_counts = classes, sum_counts
        self.device = device = tally_device(device)
        # One cell more than the confusion matrix has, for ignored targets.
        self.cells = torch.zeros(classes * classes + 1, dtype=torch.int64, device=device)
        self.loss = torch.zeros((), dtype=torch.float64, device=device)
        self.targets = torch.zeros((), dtype=torch.int64, device=device)

    def add(self, logits: Tensor, targets: Tensor, loss: Tensor) -> None:
        """Count a batch.

        Args:
            logits: float (b, classes, …).
            targets: int64 (b, …). Targets of `IGNORE_INDEX` do not count. Of class probabilities, float (b, classes),
                the likeliest class counts.
            loss: the mean loss of the batch, a scalar.
        """
        targets, predicted = class_ids(targets).to(self.device), logits.argmax(1).to(self.device)
        counted = targets != IGNORE_INDEX
        pairs = torch.where(counted, targets * self.classes + predicted, self.classes**2).flatten()
        self.cells.scatter_add_(0, pairs, torch.ones_like(pairs))  # bincount would wait for the GPU
        self.targets += counted.sum()
        self.loss += loss.detach().to(self.device).double() * counted.sum()

    @property
    def confusion(self) -> Tensor:
        """The confusion matrix, float64 (classes, classes), with a row for each true class."""
        return self.sum_counts(self.cells)[:-1].reshape(self.classes, self.classes).double()

    def loss_and_accuracy(self) -> tuple[float, float]:
        """Return the mean loss and the accuracy."""
        total = max(1, int(self.sum_counts(self.targets)))
        return float(self.sum_counts(self.loss)) / total, float(self.confusion.diagonal().sum()) / total


class AccuracyTally(ClassTally):
    """Loss, accuracy and top-5 accuracy of one class for each image or point. Arguments as of `ClassTally`."""

    def __init__(self, classes: int, device: torch.device, sum_counts: Callable[[Tensor], Tensor] = identity) -> None:
        super().__init__(classes, device, sum_counts)
        self.in_top5 = torch.zeros((), dtype=torch.int64, device=self.device)

    def add(self, logits: Tensor, targets: Tensor, loss: Tensor) -> None:
        """Count a batch of logits, float (b, classes). Arguments as of `ClassTally.add`."""
        super().add(logits, targets, loss)
        likeliest = logits.topk(min(5, self.classes), dim=1).indices
        self.in_top5 += (likeliest == class_ids(targets)[:, None]).sum().to(self.device)

    def compute(self) -> dict[str, float]:
        """Return `loss`, `accuracy` and `top5_accuracy`."""
        loss, accuracy = self.loss_and_accuracy()
        total = max(1, int(self.sum_counts(self.targets)))
        return {"loss": loss, "accuracy": accuracy, "top5_accuracy": int(self.sum_counts(self.in_top5)) / total}


class OverlapTally(ClassTally):
    """Loss, IoU, Dice and accuracy of one class for each pixel. Arguments as of `ClassTally`."""

    def compute(self) -> dict[str, float]:
        """Return `loss`, `mean_iou`, `mean_dice` and `pixel_accuracy`.

        The means are over the classes that occur in targets or predictions. All classes weigh the same.
        """
        loss, accuracy = self.loss_and_accuracy()
        confusion = self.confusion
        occurs = confusion.sum(0) + confusion.sum(1) > 0
        return {
            "loss": loss,
            "mean_iou": float(intersection_over_union(confusion)[occurs].mean()),
            "mean_dice": float(dice_coefficient(confusion)[occurs].mean()),
            "pixel_accuracy": accuracy,
        }


def sample_targets(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits and class ids of the targets that count; of the pixels of an image, an even sample.

    Args:
        logits: float (b, classes, …).
        targets: int64 (b, …). Targets of `IGNORE_INDEX` are left out.

    Returns:
        float (n, classes) and int64 (n,), with at most `SAMPLED_PIXELS` of each image.
    """
    step = max(1, math.ceil(targets[0].numel() / SAMPLED_PIXELS)) if len(targets) else 1
    rows = logits.flatten(2)[..., ::step].transpose(1, 2).flatten(0, 1) if logits.ndim > 2 else logits
    ids = targets.flatten(1)[:, ::step].flatten() if targets.ndim > 1 else targets
    counted = ids != IGNORE_INDEX
    return rows[counted], ids[counted]


def class_ids(targets: Tensor) -> Tensor:
    """Return class ids, int64 (b, …), unchanged. Of class probabilities, float (b, classes), return the likeliest."""
    return targets.argmax(1) if targets.is_floating_point() else targets


def intersection_over_union(confusion: Tensor) -> Tensor:
    """Return the IoU of each class, float (classes,); NaN where a class occurs nowhere.

    Args:
        confusion: float (classes, classes), with a row for each true class.
    """
    correct = confusion.diagonal()
    return correct / (confusion.sum(0) + confusion.sum(1) - correct)


def dice_coefficient(confusion: Tensor) -> Tensor:
    """Return the Dice coefficient of each class, float (classes,); NaN where a class occurs nowhere.

    Args:
        confusion: float (classes, classes), with a row for each true class.
    """
    return 2 * confusion.diagonal() / (confusion.sum(0) + confusion.sum(1))
