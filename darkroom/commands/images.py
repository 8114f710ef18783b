"""Decode single images and compute their logits."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from darkroom.batches.normalize import normalize
from darkroom.common.errors import UserError
from darkroom.datasets.decode import decode_bytes
from darkroom.evaluation.inference import logits_of
from darkroom.models.model_file import Card


@torch.inference_mode()
def logits_of_image(model: nn.Module, card: Card, image: np.ndarray) -> Tensor:
    """Return the logits of one image, uint8 (h, w, 3): float32 (1, classes, …)."""
    device = next(model.parameters()).device
    return logits_of(model, card, normalize(torch.tensor(image, device=device)[None], card.mean, card.std))


def decode(file: Path) -> Image.Image | UserError:
    """Return the image, or the error if it cannot be used.

    The error is not raised, so that one bad file does not end the prediction of the others.
    """
    try:
        return decode_bytes(file.read_bytes(), str(file))
    except UserError as error:
        return error
    except OSError as error:
        return UserError(f"{file}: cannot be read ({error.strerror}); check the file, or leave it out")
