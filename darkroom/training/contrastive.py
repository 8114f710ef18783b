"""Supervised contrastive pre-training (Khosla et al., arXiv:2004.11362): images of a class are brought together."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def contrastive_loss(features: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """How far each image is from the others of its class, against all others: L_out of the paper, equation 2.

    Images whose class no other has count for nothing.

    Args:
        features: float (n, d), of any length.
        labels: int64 (n,).
    """
    unit = F.normalize(features.float())
    alone = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    similarities = (unit @ unit.T / temperature).masked_fill(alone, -torch.inf)
    log_shares = similarities.log_softmax(1).masked_fill(alone, 0.0)
    is_positive = (labels[:, None] == labels).masked_fill(alone, False)
    positives = is_positive.sum(1)
    losses = -(log_shares * is_positive).sum(1) / positives.clamp(min=1)
    return losses.sum() / (positives > 0).sum().clamp(min=1)


def last_layer(model: nn.Module) -> nn.Module:
    """The layer that gives a classifier's logits."""
    return [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)][-1]


def contrastive_objective(model: nn.Module, temperature: float) -> Callable[..., tuple[Tensor, Tensor]]:
    """What gives the logits of images, and the contrastive loss of what `model` gives its last layer.

    Of several processes each contrasts its own images.
    """

    def objective(forward: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        seen: list[Tensor] = []
        hook = last_layer(model).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        logits = forward(images)
        hook.remove()
        # Nothing of the logits, so that gradients reach all weights: data-parallel training waits for each of them.
        return logits, contrastive_loss(seen[0].flatten(1), labels, temperature) + 0 * logits.float().sum()

    return objective
