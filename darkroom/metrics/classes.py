"""Metrics of answers that are classes, one an image, a point or a pixel."""

from collections.abc import Callable

import torch
from torch import Tensor

from darkroom.common.numbers import IGNORE_INDEX


class Tally:
    """Loss and score of answers that are classes, counted on the device.

    The score is the accuracy of a classification and the mean intersection over union of a
    segmentation, the classes that occur in truth or prediction weighing the same.
    """

    def __init__(
        self, kind: str, classes: int, device: torch.device, add_up: Callable[[Tensor], Tensor] = lambda own: own,
        unit: float = 1.0,
    ) -> None:  # fmt: skip
        """Count from nothing; `add_up` gives the sum of a count over all processes, `unit` is for numbers."""
        self.is_segmentation, self.classes, self.add_up = kind == "segmentation", classes, add_up
        self.cells = torch.zeros(classes * classes, dtype=torch.int64, device=device)
        self.in_top5 = torch.zeros((), dtype=torch.int64, device=device)
        self.loss = torch.zeros((), dtype=torch.float64, device=device)
        self.targets = torch.zeros((), dtype=torch.int64, device=device)

    def add(self, logits: Tensor, targets: Tensor, loss: Tensor) -> None:
        """Count a batch: logits (b, classes, …), targets int64 (b, …), and their mean loss.

        Of shares of the classes, float (b, classes), the largest is the one that is right.
        """
        if targets.is_floating_point():
            targets = targets.argmax(1)
        counted = targets != IGNORE_INDEX
        cells = self.classes**2
        pairs = torch.where(counted, targets * self.classes + logits.argmax(1), cells)
        self.cells += torch.bincount(pairs.flatten(), minlength=cells + 1)[:cells]
        if not self.is_segmentation:
            best = logits.topk(min(5, self.classes), dim=1).indices
            self.in_top5 += (best == targets[:, None]).sum()
        self.targets += counted.sum()
        self.loss += loss.detach().double() * counted.sum()

    @property
    def confusion(self) -> Tensor:
        """How often each true class (row) was taken for each class (column); float64 (classes, classes)."""
        return self.add_up(self.cells).reshape(self.classes, self.classes).double()

    def figures(self) -> dict[str, float]:
        """`loss`, and `accuracy` with `top5_accuracy`, or `mean_iou` with `mean_dice` and `pixel_accuracy`."""
        counts = self.confusion
        total = max(1, int(self.add_up(self.targets)))
        loss, accuracy = float(self.add_up(self.loss)) / total, float(counts.diagonal().sum()) / total
        if not self.is_segmentation:
            return {"loss": loss, "accuracy": accuracy, "top5_accuracy": int(self.add_up(self.in_top5)) / total}
        present = counts.sum(0) + counts.sum(1) > 0
        iou, dice = intersection_over_union(counts), dice_coefficient(counts)
        return {
            "loss": loss,
            "mean_iou": float(iou[present].mean()),
            "mean_dice": float(dice[present].mean()),
            "pixel_accuracy": accuracy,
        }


def intersection_over_union(confusion: Tensor) -> Tensor:
    """By class, float (classes,), of a float confusion matrix with a row for each true class; NaN where absent."""
    right = confusion.diagonal()
    return right / (confusion.sum(0) + confusion.sum(1) - right)


def dice_coefficient(confusion: Tensor) -> Tensor:
    """By class, float (classes,), of a float confusion matrix with a row for each true class; NaN where absent."""
    return 2 * confusion.diagonal() / (confusion.sum(0) + confusion.sum(1))
