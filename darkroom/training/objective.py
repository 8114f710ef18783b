"""What is minimized and what is counted, the same for one class an image and one class a pixel."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.common.errors import UserError

UNCOUNTED = -100  # the target of pixels that count for nothing
FOCAL_GAMMA = 2.0
TVERSKY_FALSE = 0.3  # the weight of false positives, that of false negatives the rest to 1


def cross_entropy(
    logits: Tensor, targets: Tensor, label_smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Mean cross-entropy in float32 over all targets that are not `UNCOUNTED`.

    Args:
        logits: (b, classes) or (b, classes, h, w).
        targets: int64 (b,) or (b, h, w), or shares of the classes, float (b, classes).
        weights: of the classes in the mean, float (classes,).
    """
    return F.cross_entropy(*_flat(logits, targets), weights, ignore_index=UNCOUNTED, label_smoothing=label_smoothing)


def focal_loss(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy that counts a target of probability p for (1 - p)² (Lin et al., arXiv:1708.02002).

    Args:
        logits: (b, classes) or (b, classes, h, w).
        targets: int64 (b,) or (b, h, w).
        label_smoothing: not used; what is certain counts for nothing already.
        weights: α of the paper, by class, float (classes,).
    """
    logits, targets = _flat(logits, targets)
    log_probability = -F.cross_entropy(logits, targets, ignore_index=UNCOUNTED, reduction="none")
    losses = (1 - log_probability.exp()) ** FOCAL_GAMMA * -log_probability
    counted = (targets != UNCOUNTED).float()
    if weights is not None:
        counted = counted * weights[targets.clamp(min=0)]
    return (losses * counted).sum() / counted.sum().clamp(min=1e-6)


def dice_loss(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """1 - the Dice coefficient of the batch, the mean of the classes that occur in it (arXiv:1606.04797).

    Args:
        logits: (b, classes, h, w).
        targets: int64 (b, h, w); `UNCOUNTED` pixels count for nothing.
        label_smoothing, weights: not used; the sizes of objects are balanced already.
    """
    return _overlap_loss(logits, targets, false_positives=0.5)


def tversky_loss(
    logits: Tensor, targets: Tensor, label_smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """1 - the Tversky index, as `dice_loss`, but that a missed pixel costs more than a false one (arXiv:1706.05721)."""
    return _overlap_loss(logits, targets, TVERSKY_FALSE)


def _overlap_loss(logits: Tensor, targets: Tensor, false_positives: float) -> Tensor:
    """1 - the Tversky index, the mean of the classes that occur in the truth; 0 where none does.

    Args:
        false_positives: their weight, that of false negatives the rest to 1.
    """
    logits, targets = _flat(logits, targets)
    counted = (targets != UNCOUNTED)[:, None]
    predicted = logits.softmax(1) * counted
    truth = F.one_hot(targets.clamp(min=0), logits.shape[1]) * counted
    right, of_truth = (predicted * truth).sum(0), truth.sum(0)
    errors = false_positives * (predicted.sum(0) - right) + (1 - false_positives) * (of_truth - right)
    occurs = of_truth > 0
    index = right / (right + errors).clamp(min=1e-7)
    return ((1 - index) * occurs).sum() / occurs.sum().clamp(min=1)


def squared_error(
    predicted: Tensor, targets: Tensor, label_smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Mean squared difference in float32.

    Args:
        predicted, targets: float (b, 1).
        label_smoothing, weights: not used; there are no classes.
    """
    return F.mse_loss(predicted.float(), targets)


LOSSES: dict[str, Callable[..., Tensor]] = {
    "squared_error": squared_error,
    "cross_entropy": cross_entropy,
    "focal": focal_loss,
    "dice": dice_loss,
    "tversky": tversky_loss,
}


def weighted_loss(
    logits: Tensor, targets: Tensor, shares: dict[str, float], label_smoothing: float, weights: Tensor | None = None
) -> Tensor:
    """The sum of the named losses, each times its share; `weights` are those of the classes."""
    return sum(share * LOSSES[name](logits, targets, label_smoothing, weights) for name, share in shares.items())


def class_weights(how: str | list[float], counts: Tensor) -> Tensor | None:
    """The weight of each class in cross-entropy and focal loss, float32 (classes,); None where all weigh 1.

    Args:
        how: `none`; `balanced`, by one over the class's share of all there is; `median_frequency`, the median share
            over the class's own, of the images that show it (Eigen and Fergus, arXiv:1411.4734); or the weights.
            Where all classes are equally many, each weighs 1; one that does not occur weighs nothing.
        counts: what there is of each class in each image, int64 (images, classes).

    Raises:
        UserError: another number of weights than of classes.
    """
    if isinstance(how, list):
        if len(how) != counts.shape[1]:
            raise UserError(
                f"params.yaml: train.class_weights: has {len(how)} weights, but there are {counts.shape[1]} classes, "
                "the background among them"
            )
        return torch.tensor(how)
    return None if how == "none" else WEIGHTS[how](counts.double()).float()


def _balanced(counts: Tensor) -> Tensor:
    of_class = counts.sum(0)
    present = of_class > 0
    return torch.where(present, of_class.sum() / (present.sum() * of_class.clamp(min=1)), 0.0)


def _median_frequency(counts: Tensor) -> Tensor:
    of_class = counts.sum(0)
    where_shown = (counts.sum(1, keepdim=True) * (counts > 0)).sum(0)
    frequency = of_class / where_shown.clamp(min=1)
    present = of_class > 0
    return torch.where(present, frequency[present].quantile(0.5) / frequency.clamp(min=1e-12), 0.0)


WEIGHTS: dict[str, Callable[[Tensor], Tensor]] = {"balanced": _balanced, "median_frequency": _median_frequency}


def _flat(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Logits float32 (n, classes) and targets (n,): CUDA's kernel for (b, classes, h, w) adds in no fixed order."""
    logits = logits.float().movedim(1, -1).reshape(-1, logits.shape[1])
    return logits, targets if targets.is_floating_point() else targets.flatten()


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
        counted = targets != UNCOUNTED
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


class ErrorTally:
    """As `Tally`, of answers that are numbers: the mean squared error of the standardized targets, its root in the
    targets' own unit, and R², 1 less its share of the targets' variance."""

    def __init__(
        self, _kind: str, _classes: int, device: torch.device, add_up: Callable[[Tensor], Tensor] = lambda own: own,
        unit: float = 1.0,
    ) -> None:  # fmt: skip
        """Count from nothing; `add_up` as of `Tally`, `unit` is what 1 of the standardized targets is in their own."""
        self.add_up, self.unit = add_up, unit
        self.count = torch.zeros((), dtype=torch.float64, device=device)
        self.error, self.mean, self.variation = (torch.zeros_like(self.count) for _ in range(3))

    def add(self, predicted: Tensor, targets: Tensor, _loss: Tensor) -> None:
        """Count a batch: predictions and targets, float (b, 1).

        Their variation is around their own mean, and that of two parts around the mean of both (Chan, Golub and
        LeVeque, 1979): sums of squares would cancel where the targets are far from 0.
        """
        predicted, targets = predicted.double(), targets.double()
        count, mean = targets.numel(), targets.mean()
        self.error += ((predicted - targets) ** 2).sum()
        share = count / (self.count + count)
        self.variation += ((targets - mean) ** 2).sum() + self.count * share * (mean - self.mean) ** 2
        self.mean += share * (mean - self.mean)
        self.count += count

    @property
    def targets(self) -> Tensor:
        """How many were counted."""
        return self.count

    def figures(self) -> dict[str, float]:
        """`loss`, `r2`, which is 0 where all targets are the same, and `rmse`."""
        count, error, target = self.add_up(torch.stack([self.count, self.error, self.count * self.mean])).tolist()
        variation = float(self.add_up(self.variation + self.count * (self.mean - target / count) ** 2))
        return {
            "loss": error / count,
            "r2": 1 - error / variation if variation else 0.0,
            "rmse": self.unit * (error / count) ** 0.5,
        }


@dataclass(frozen=True)
class Judgement:
    """How answers of a kind are judged: by a loss that is the same whatever is trained with, and by what is counted."""

    loss: Callable[..., Tensor]
    tally: type[Tally] | type[ErrorTally]


JUDGEMENTS = {
    "classification": Judgement(cross_entropy, Tally),
    "segmentation": Judgement(cross_entropy, Tally),
    "points": Judgement(cross_entropy, Tally),
    "regression": Judgement(squared_error, ErrorTally),
}


def intersection_over_union(confusion: Tensor) -> Tensor:
    """By class, float (classes,), of a float confusion matrix with a row for each true class; NaN where absent."""
    right = confusion.diagonal()
    return right / (confusion.sum(0) + confusion.sum(1) - right)


def dice_coefficient(confusion: Tensor) -> Tensor:
    """By class, float (classes,), of a float confusion matrix with a row for each true class; NaN where absent."""
    return 2 * confusion.diagonal() / (confusion.sum(0) + confusion.sum(1))
