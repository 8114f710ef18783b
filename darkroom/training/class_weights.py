"""Class weights of cross-entropy and focal loss."""

from collections.abc import Callable

import torch
from torch import Tensor

from darkroom.common.errors import UserError


def compute_class_weights(how: str | list[float], counts: Tensor) -> Tensor:
    """Return the weight of each class in cross-entropy and focal loss, float32 (classes,).

    If all classes are equally frequent, each weighs 1. A class that does not occur weighs 0.

    Args:
        how: the weights themselves, or how to compute them. `balanced`: inversely proportional to the class's
            frequency among all targets. `median_frequency`: the median frequency divided by the class's frequency,
            which is taken over the images that show the class (Eigen and Fergus, arXiv:1411.4734).
        counts: number of targets of each class in each image, int64 (images, classes).

    Raises:
        UserError: there are not as many weights as classes.
    """
    if isinstance(how, list):
        if len(how) != counts.shape[1]:
            raise UserError(
                f"params.yaml: train.class_weights: has {len(how)} weights, but there are {counts.shape[1]} classes, "
                "including the background"
            )
        return torch.tensor(how)
    return WEIGHTS[how](counts.double()).float()


def _balanced(counts: Tensor) -> Tensor:
    per_class = counts.sum(0)
    present = per_class > 0
    return torch.where(present, per_class.sum() / (present.sum() * per_class.clamp(min=1)), 0.0)


def _median_frequency(counts: Tensor) -> Tensor:
    per_class = counts.sum(0)
    in_its_images = (counts.sum(1, keepdim=True) * (counts > 0)).sum(0)
    frequency = per_class / in_its_images.clamp(min=1)
    present = per_class > 0
    return torch.where(present, frequency[present].quantile(0.5) / frequency.clamp(min=1e-12), 0.0)


WEIGHTS: dict[str, Callable[[Tensor], Tensor]] = {"balanced": _balanced, "median_frequency": _median_frequency}
