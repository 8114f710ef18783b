"""Class weights of cross-entropy and focal loss."""

from collections.abc import Callable

import torch
from torch import Tensor

from darkroom.common.errors import UserError


def compute_class_weights(how: str | list[float], counts: Tensor) -> Tensor:
    """Compute the weight of each class in cross-entropy and focal loss, float32 (classes,).

    Where all classes are equally frequent, each weighs 1. A class that does not occur weighs 0.

    Args:
        how: `balanced`, one over the class's share of all targets; `median_frequency`, the median share over the
            class's share in the images that show it (Eigen and Fergus, arXiv:1411.4734); or the weights themselves.
        counts: targets of each class in each image, int64 (images, classes).

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
    return WEIGHTS[how](counts.double()).float()


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
