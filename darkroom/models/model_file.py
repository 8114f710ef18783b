"""The file of a trained model: weights in safetensors format, with all that is needed to use them as metadata."""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.common.parameters import ByName, Parameters, check
from darkroom.datasets.kinds import kind_of
from darkroom.models.architecture import Architecture, architectures

METADATA_KEY = "darkroom"  # a single key, since safetensors writes several in random order


class AnyModel(Parameters):
    """A section with the key `model`, whatever the kind of task."""

    model: Annotated[Architecture, ByName(architectures)]


@dataclass(frozen=True)
class Card:
    """The description of a model in its file.

    Attributes:
        kind: The kind of task: classification, segmentation, points or regression.
        model: The architecture's name and options, as in params.yaml.
        classes: Names by class id.
        image_size: (height, width) of the training images or crops in pixels. For points, (features,).
        mean: Mean of each channel, 1 being full scale, or of each feature. It normalizes the inputs.
        std: Standard deviation of each channel or feature.
        precision: The number format of the training: fp32, bf16 or fp16.
        target_mean: For regression, the mean of the targets. output · target_std + target_mean is in their unit.
        target_std: For regression, the standard deviation of the targets.
        temperature: What logits are divided by before softmax, so that the confidence is the accuracy to expect.
    """

    kind: str
    model: dict[str, Any]
    classes: list[str]
    image_size: list[int]
    mean: list[float]
    std: list[float]
    precision: str
    target_mean: float = 0.0
    target_std: float = 1.0
    temperature: float = 1.0

    @cached_property
    def architecture(self) -> Architecture:
        """The architecture that `model` names.

        Raises:
            UserError: There is no such architecture, or it has no such options.
        """
        return _read_architecture(self.model, "the model file")


def save_model(path: Path, model: nn.Module, card: Card) -> None:
    """Write a model and its card to `path`. Equal models give equal bytes."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with replacing(path) as temporary:
        save_file(weights, temporary, {METADATA_KEY: json.dumps(asdict(card))})


def load_model(path: Path, device: torch.device) -> tuple[nn.Module, Card]:
    """Return the model, ready to predict on `device`, and its card.

    Raises:
        UserError: There is no such file, it is not a model file of Darkroom, or this version does not have its model.
    """
    try:
        with safe_open(path, "pt") as file:
            content = json.loads((file.metadata() or {})[METADATA_KEY])
            card = Card(**content)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no dict
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `dvc repro` makes it") from None
    except (SafetensorError, KeyError, ValueError, TypeError):
        raise UserError(f"{path}: is not a model file of Darkroom, or is damaged; train it again") from None
    outputs = kind_of(card.kind).count_outputs(card.classes)
    if outputs == 1 and "target_std" not in content:  # older files of regressions
        raise UserError(f"{path}: does not say how its numbers were standardized; train it again")
    model = _read_architecture(card.model, str(path)).from_scratch().build(outputs, tuple(card.image_size))
    model.load_state_dict(weights)
    return model.to(device).to(memory_format=torch.channels_last).eval(), card


def _read_architecture(values: dict[str, Any], file: str) -> Architecture:
    """Return the architecture that a card in `file` names."""
    given = {key: value for key, value in values.items() if value is not None}  # files of older versions have nulls
    return check(AnyModel, {"model": given}, "", file).model
