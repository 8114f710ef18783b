"""Supervised contrastive pre-training (Khosla et al., arXiv:2004.11362).

It brings the features of images of the same class together and those of different classes apart.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def contrastive_loss(features: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Return the supervised contrastive loss of a batch, float32: L_out of the paper, equation 2.

    It is the mean over the images that share their class with another image of the batch, and 0 if there are none.

    Args:
        features: float (n, d). They are scaled to unit length here.
        labels: class ids, int64 (n,).
        temperature: divides the similarities.
    """
    unit = F.normalize(features.float())
    is_self = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    similarities = (unit @ unit.T / temperature).masked_fill(is_self, -torch.inf)
    log_probabilities = similarities.log_softmax(1).masked_fill(is_self, 0.0)
    is_positive = (labels[:, None] == labels).masked_fill(is_self, False)
    positives = is_positive.sum(1)
    losses = -(log_probabilities * is_positive).sum(1) / positives.clamp(min=1)
    return losses.sum() / (positives > 0).sum().clamp(min=1)


def last_layer(model: nn.Module) -> nn.Module:
    """Return the layer that computes a classifier's logits."""
    return [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)][-1]


def contrastive_objective(
    model: nn.Module, temperature: float
) -> Callable[[Callable[[Tensor], Tensor], Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return the objective of pre-training: from (forward, images, labels) to the logits and the contrastive loss.

    The loss compares the inputs of the model's last layer. With several processes, each compares its own images.

    Args:
        model: a classifier. `forward` calls it, perhaps compiled or data-parallel.
        temperature: of `contrastive_loss`.
    """

    def objective(forward: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        features: list[Tensor] = []
        hook = last_layer(model).register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
        logits = forward(images)
        hook.remove()
        loss = contrastive_loss(features[0].flatten(1), labels, temperature)
        return logits, loss + 0 * logits.float().sum()  # DistributedDataParallel waits for a gradient of every weight

    return objective
